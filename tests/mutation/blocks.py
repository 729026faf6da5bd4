"""Blocks of a source file, named by their first line, and a source that reports which of them run."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

REACHED = "_reached_"
"""The name, in builtins, of the function that an instrumented block calls with its name."""


class _Block(NamedTuple):
    body: list[ast.stmt]
    first: int
    """The index of the first statement after a docstring."""

    @property
    def lines(self) -> tuple[int, int]:
        last = self.body[-1].end_lineno
        assert last is not None
        return self.body[self.first].lineno, last


def block_of(path: str, source: bytes, line: int) -> str | None:
    """Return the name of the innermost block that holds a line; None for the level of the module."""
    starts = [block.lines[0] for block in _blocks(ast.parse(source)) if _holds(block, line)]
    return f"{path}:{starts[-1]}" if starts else None


def instrumented(path: str, source: bytes) -> str:
    """Return the source with a call of REACHED at the beginning of every block."""
    tree = ast.parse(source)
    for block in list(_blocks(tree)):
        call = ast.parse(f"{REACHED}('{path}:{block.lines[0]}')")
        block.body[block.first : block.first] = call.body
    # Processes that tests start have no such builtin.
    tree.body[1:1] = ast.parse(f"{REACHED} = getattr(__import__('builtins'), '{REACHED}', str)").body
    return ast.unparse(ast.fix_missing_locations(tree))


def _blocks(tree: ast.AST) -> Iterator[_Block]:
    """Yield the bodies of functions and compound statements, outer ones first."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            continue
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body:
                documented = isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None
                if len(body) > documented:
                    yield _Block(body, int(documented))


def _holds(block: _Block, line: int) -> bool:
    first, last = block.lines
    return first <= line <= last
