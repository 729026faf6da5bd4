"""Mutants of a source file: small changes of its text, found in its syntax tree."""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
BOUNDARIES = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
"""Comparisons whose swap is not their negation."""
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
EXTREMES = {"min": "max", "minimum": "maximum", "argmin": "argmax"}
SWAPPED_CALLS = {**EXTREMES, **{new: old for old, new in EXTREMES.items()}, "any": "all", "all": "any"}
UNTESTED_KEYWORDS = ("strict", "hint")
"""Keyword arguments that are never mutated: an assertion of equal lengths, and the hint of an error."""


@dataclass(frozen=True)
class Mutant:
    """One change of one file: `new` in the position of the bytes from `start` to `end`."""

    path: str
    scope: str
    """The function or class that holds it; empty at the level of the module."""
    operator: str
    line: int
    start: int
    end: int
    new: str

    def applied(self, source: bytes) -> bytes:
        """Return the mutated source."""
        return source[: self.start] + self.new.encode() + source[self.end :]

    def lines(self, source: bytes) -> tuple[str, str]:
        """Return the lines of the change before and after it, each joined into one line."""
        first = source.rfind(b"\n", 0, self.start) + 1
        last = source.find(b"\n", self.end)
        before, after = source[first : self.start], source[self.end : last]
        old = source[first:last].decode()
        return _one_line(old), _one_line(before.decode() + self.new + after.decode())


def mutants_of(path: str, source: bytes, required: Collection[tuple[str, str]]) -> list[Mutant]:
    """Find every mutant of a file; `required` are keyword arguments without default: (function, name)."""
    finder = _Finder(path, source, required)
    finder.visit(ast.parse(source))
    return finder.found


def required_keywords(sources: Collection[bytes]) -> set[tuple[str, str]]:
    """Find the arguments without default of all functions and dataclasses: (name, argument)."""
    return {pair for source in sources for node in ast.walk(ast.parse(source)) for pair in _required(node)}


def _required(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.FunctionDef):
        plain = [*node.args.posonlyargs, *node.args.args]
        for argument in plain[: len(plain) - len(node.args.defaults)]:
            yield node.name, argument.arg
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if default is None:
                yield node.name, argument.arg
    if isinstance(node, ast.ClassDef):
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and statement.value is None:
                yield node.name, ast.unparse(statement.target)
            elif isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                yield from ((node.name, argument) for _, argument in _required(statement))


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


class _Finder(ast.NodeVisitor):
    """Collects the mutants of one file; skips docstrings, annotations, decorators and error messages."""

    def __init__(self, path: str, source: bytes, required: Collection[tuple[str, str]]) -> None:
        self.found: list[Mutant] = []
        self._path, self._source, self._required = path, source, required
        self._scope: list[str] = []
        self._line_starts = [0, *(match.end() for match in re.finditer(rb"\n", source))]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self.visit(default)
        self._visit_body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_body(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Leave errors and their messages as they are."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave text as it is."""

    def visit_Assign(self, node: ast.Assign) -> None:
        self._delete(node, node.targets)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._delete(node, [node.target])
        old, new = ARITHMETIC.get(type(node.op), ("", ""))
        self._swap("arithmetic", node.target, node.value, f"{old}=", f"{new}=")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._replace("statement", node, "pass")
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        value = node.value
        if value is not None and not isinstance(value, ast.Constant):
            if _is_condition(value):
                self._negate("return", value)
            else:
                self._replace("return", value, "None")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for left, op, right in zip(operands, node.ops, operands[1:], strict=False):
            self._swap("comparison", left, right, *COMPARISONS[type(op)])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        joins = (ast.List, ast.Tuple, ast.JoinedStr)
        of_text = [
            isinstance(side, joins) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
            for side in (node.left, node.right)
        ]
        if type(node.op) in ARITHMETIC and not any(of_text):
            self._swap("arithmetic", node.left, node.right, *ARITHMETIC[type(node.op)])
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.Invert) or not isinstance(node.operand, ast.Constant):
            self._replace("negation", node, f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        text = self._text(node.values[0])
        for left, right in zip(node.values, node.values[1:], strict=False):
            gap = self._source[self._span(left)[1] : self._span(right)[0]].decode()
            text += gap.replace(old, new) + self._text(right)
        self._replace("and/or", node, f"({text})")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self._negate("condition", node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._negate("condition", node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate("condition", node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._negate("condition", test)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        for new in _other_values(node.value):
            self._replace("constant", node, repr(new))

    def visit_Slice(self, node: ast.Slice) -> None:
        for bound in (node.lower, node.upper):
            if bound is not None:
                self._replace("slice", bound, "")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if name.endswith("Error"):
            return
        if name in SWAPPED_CALLS:
            end = self._span(node.func)[1]
            self._add("call", node.func, end - len(name), end, SWAPPED_CALLS[name])
        for keyword in node.keywords:
            if keyword.arg in UNTESTED_KEYWORDS:
                continue
            if keyword.arg is not None and (name, keyword.arg) not in self._required:
                self._drop(keyword)
            self.visit(keyword.value)
        for child in (node.func, *node.args):
            self.visit(child)

    def _visit_body(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        self._scope.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self._scope.pop()

    def _delete(self, node: ast.stmt, targets: list[ast.expr]) -> None:
        """Delete an assignment to attributes or items; without those of a constructor nothing would run."""
        if self._scope[-1:] != ["__init__"] and isinstance(targets[0], ast.Attribute | ast.Subscript):
            self._replace("statement", node, "pass")

    def _drop(self, keyword: ast.keyword) -> None:
        start, end = self._span(keyword)
        if following := re.match(rb"\s*,\s*", self._source[end:]):
            end += following.end()
        else:
            start = len(re.sub(rb",\s*$", b"", self._source[:start]))
        self._add("argument", keyword, start, end, "")

    def _negate(self, operator: str, test: ast.expr) -> None:
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return  # visit_UnaryOp drops this `not`
        if isinstance(test, ast.Compare) and not isinstance(test.ops[0], BOUNDARIES):
            return  # visit_Compare negates this comparison
        self._replace(operator, test, f"not ({self._text(test)})")

    def _swap(self, operator: str, left: ast.expr, right: ast.expr, old: str, new: str) -> None:
        start, end = self._span(left)[1], self._span(right)[0]
        gap = self._source[start:end].decode()
        self._add(operator, left, start, end, gap.replace(old, new, 1))

    def _replace(self, operator: str, node: ast.expr | ast.stmt, new: str) -> None:
        self._add(operator, node, *self._span(node), new)

    def _add(
        self, operator: str, node: ast.expr | ast.stmt | ast.keyword, start: int, end: int, new: str
    ) -> None:
        scope = ".".join(self._scope)
        self.found.append(Mutant(self._path, scope, operator, node.lineno, start, end, new))

    def _span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        starts = self._line_starts
        first = starts[node.lineno - 1] + node.col_offset
        return first, starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode()


def _is_condition(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) in ("any", "all", "bool", "isinstance")
    return isinstance(value, ast.BoolOp | ast.Compare)


def _other_values(value: object) -> list[object]:
    """Return the values that replace a constant: True and False swapped, n + 1, twice a fraction."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [0, 2] if value == 1 else [value + 1]
    if isinstance(value, float):
        return [2 * value if value else 1.0]
    return []
