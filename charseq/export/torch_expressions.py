"""Operations of a graph as expressions of PyTorch."""

from collections.abc import Sequence
from typing import NamedTuple

from charseq.cells.ops import NORM_FLOOR, VARIANCE_FLOOR
from charseq.export.graph import BATCH, Operation, Shape

ATOM, UNARY, PRODUCT, SUM, COMPARISON = 5, 4, 3, 2, 1
"""How tightly an expression binds."""

INFIX = {
    "add": ("+", SUM),
    "sub": ("-", SUM),
    "mul": ("*", PRODUCT),
    "div": ("/", PRODUCT),
    "matmul": ("@", PRODUCT),
    "greater": (">", COMPARISON),
    "greater_or_equal": (">=", COMPARISON),
}
FUNCTIONS = {
    "exp": "torch.exp",
    "tanh": "torch.tanh",
    "sigmoid": "torch.sigmoid",
    "log_sigmoid": "functional.logsigmoid",
    "relu": "torch.relu",
    "abs": "torch.abs",
}
VIEWS = ("transpose", "unsqueeze", "select")
"""The kinds of operations that copy nothing, and are written where their value is used."""


class Expression(NamedTuple):
    """A piece of code for a value."""

    text: str
    binds: int = ATOM
    terms: tuple[str, ...] = ()
    """The lines that a sum or a difference can be broken into."""
    indexed: tuple[str, tuple[str, ...]] | None = None
    """The text before the index, and the items of the index, of an indexed value."""
    number: float | None = None
    """The value of a constant."""

    def within(self, binds: int) -> str:
        """Return the text, in parentheses unless it binds at least as tightly."""
        return self.text if self.binds >= binds else f"({self.text})"


def constant(number: float, hidden_size: int) -> Expression:
    """Return a number, as an expression of the hidden size if it is its inverse square root."""
    if hidden_size > 1 and number == hidden_size**-0.5:
        return Expression("HIDDEN_SIZE**-0.5", number=number)
    text = f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else repr(number)
    return Expression(text, UNARY if number < 0 else ATOM, number=number)


def expression(operation: Operation, operands: Sequence[Expression], shapes: Sequence[Shape]) -> Expression:
    """Return the expression of an operation, from those of its operands and their shapes."""
    kind, attributes = operation.kind, operation.attributes
    first = operands[0] if operands else Expression("")
    if kind in INFIX:
        return _infix(kind, first, operands[1])
    if kind in FUNCTIONS:
        return Expression(f"{FUNCTIONS[kind]}({first.text})")
    if kind == "neg":
        return Expression(f"-{first.within(UNARY)}", UNARY)
    if kind == "transpose":
        return Expression(f"{first.within(ATOM)}.T")
    if kind == "sum":
        return Expression(f"{first.within(ATOM)}.sum(-1)")
    if kind in ("unsqueeze", "select"):
        return _indexed(first, len(shapes[0]), attributes["axis"], attributes.get("index"))
    if kind == "maximum":
        return _maximum(*operands)
    if kind == "where":
        return Expression(f"torch.where({', '.join(operand.text for operand in operands)})")
    if kind == "unit":
        norm = f"({first.within(ATOM)}.square().sum(-1, keepdim=True) + {NORM_FLOOR!r}).sqrt()"
        return Expression(f"{first.within(PRODUCT)} / {norm}", PRODUCT)
    if kind == "normalized":
        x, gain, bias = (operand.text for operand in operands)
        size = f"({operation.output.shape[-1]},)"
        return Expression(f"functional.layer_norm({x}, {size}, {gain}, {bias}, {VARIANCE_FLOOR!r})")
    if kind == "zeros":
        shape = ", ".join("len(x)" if size == BATCH else str(size) for size in operation.output.shape)
        return Expression(f"x.new_zeros({shape})", number=0.0)
    raise TypeError(f"the operation {kind} cannot be written in PyTorch")


def _infix(kind: str, left: Expression, right: Expression) -> Expression:
    operator, binds = INFIX[kind]
    if kind == "add" and left.number is not None and right.number is not None:  # a constant array
        number = left.number + right.number
        return Expression(constant(number, 0).text, number=number)
    right_text = right.within(binds + 1)
    terms: tuple[str, ...] = ()
    if binds == SUM:
        terms = (*(left.terms or (left.within(SUM),)), f"{operator} {right_text}")
    return Expression(f"{left.within(binds)} {operator} {right_text}", binds, terms)


def _maximum(left: Expression, right: Expression) -> Expression:
    for value, other in ((left, right), (right, left)):
        if other.number is not None:
            return Expression(f"{value.within(ATOM)}.clamp(min={other.text})")
    return Expression(f"torch.maximum({left.text}, {right.text})")


def _indexed(value: Expression, axes: int, axis: int, index: int | None) -> Expression:
    """Insert an axis, or select an `index` of one; indices of an indexed value become one."""
    base, items = value.indexed or (value.within(ATOM), (":",) * axes)
    kept = [at for at, item in enumerate(items) if item in (":", "None")]
    at = kept[axis] if axis < len(kept) else len(items)
    if index is None:
        items = (*items[:at], "None", *items[at:])
    else:
        items = (*items[:at], *([str(index)] if items[at] == ":" else []), *items[at + 1 :])
    shown = list(items)
    while shown and shown[-1] == ":":
        shown.pop()
    text = f"{base}[{', '.join(shown)}]" if shown else base
    return Expression(text, indexed=(base, items))
