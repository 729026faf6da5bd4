"""The faults that are put into a module: one small change of its syntax tree each."""

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any", "zeros": "ones", "ones": "zeros"}
WITHOUT_EFFECT = {"strict", "stacklevel", "hint", "non_blocking"}
"""Keyword arguments whose loss changes no result."""


class Mutant(NamedTuple):
    """A module with one fault."""

    line: int
    change: str
    """The code before and after, in one line."""
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its lines.

    Left alone are docstrings, annotations, decorators, messages of errors, f-strings, and constants of the
    module, which are settings of its speed rather than logic.
    """
    tree = ast.parse(source)
    for path in _paths(tree):
        node = _at(tree, path)
        for changed in _changed(node):
            other = copy.deepcopy(tree)
            _put(other, path, changed)
            before, after = (" ".join(ast.unparse(part).split()) for part in (node, changed))
            if before != after:
                line = getattr(node, "lineno", 0)
                yield Mutant(
                    line, f"{before} -> {after}", ast.unparse(ast.fix_missing_locations(other)) + "\n"
                )


Path = tuple[tuple[str, int | None], ...]
"""The way to a node: fields, and the index where a field is a list."""


def _paths(node: ast.AST, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of the nodes that may be changed."""
    for name, value in ast.iter_fields(node):
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _is_left_alone(node, name, child, top=not path):
                here: Path = (*path, (name, index))
                yield here
                yield from _paths(child, here)


def _is_left_alone(parent: ast.AST, field: str, node: ast.AST, *, top: bool) -> bool:
    if field in ("annotation", "returns", "decorator_list", "type_comment", "bases"):
        return True
    if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom | ast.expr_context):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring
    if isinstance(parent, ast.Raise):
        return True  # a message
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    return top and isinstance(node, ast.Assign | ast.AnnAssign)


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the node with one change each."""
    match node:
        case ast.Compare(ops=[op]):
            yield _with(node, ops=[COMPARISONS[type(op)]()])
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            yield _with(node, op=ARITHMETIC[type(op)]())
        case ast.BoolOp():
            yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.Constant():
            yield from _other_constants(node)
        case ast.If() | ast.While() | ast.IfExp():
            yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
        case ast.Return(value=ast.expr()) if not _is_none(node.value):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.Slice(lower=ast.expr()):
            yield _with(node, lower=None)
        case ast.Slice(upper=ast.expr()):
            yield _with(node, upper=None)
        case ast.Call():
            yield from _other_calls(node)


def _other_constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, float):
        yield ast.Constant(2 * value or 1.0)


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    name = node.func
    if isinstance(name, ast.Name) and name.id in FUNCTIONS:
        yield _with(node, func=ast.Name(FUNCTIONS[name.id], ast.Load()))
    elif isinstance(name, ast.Attribute) and name.attr in FUNCTIONS:
        yield _with(node, func=_with(name, attr=FUNCTIONS[name.attr]))
    for i, keyword in enumerate(node.keywords):
        if keyword.arg and keyword.arg not in WITHOUT_EFFECT:
            yield _with(node, keywords=node.keywords[:i] + node.keywords[i + 1 :])


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _with(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _at(node: ast.AST, path: Path) -> ast.AST:
    for name, index in path:
        value = getattr(node, name)
        node = value if index is None else value[index]
    return node


def _put(tree: ast.AST, path: Path, changed: ast.AST) -> None:
    parent = _at(tree, path[:-1])
    name, index = path[-1]
    if index is None:
        setattr(parent, name, changed)
    else:
        getattr(parent, name)[index] = changed
