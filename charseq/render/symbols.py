"""Symbols of a vocabulary as text that is visible on the screen."""

from rich.cells import cell_len

from charseq.render.visible import END_OF_LINE, escape, visible

SPACE = "␣"


def symbol_text(symbol: str) -> str:
    """Return a symbol as text of at least one column: the boundary as a sign, a lone mark escaped."""
    if not symbol:
        return END_OF_LINE
    text = visible(symbol)
    return text if cell_len(text) else "".join(escape(c) for c in symbol)


def symbol_name(symbol: str) -> str:
    """Return a symbol as text, a space as a sign."""
    return SPACE if symbol == " " else symbol_text(symbol)
