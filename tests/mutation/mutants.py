"""Which small changes a source allows: signs, numbers, comparisons, conditions, left-out lines."""

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
RENAMED = {"min": "max", "max": "min", "any": "all", "all": "any"}
RENAMED |= {"argmin": "argmax", "argmax": "argmin", "minimum": "maximum", "maximum": "minimum"}


@dataclass(frozen=True)
class Mutant:
    """One change: where, in which function, and what stands there now and then."""

    file: str
    line: int
    function: int
    before: str
    after: str
    number: int

    @property
    def place(self) -> str:
        """File and line, as editors take them."""
        return f"{self.file}:{self.line}"


def mutants_of(file: str, path: Path) -> list[Mutant]:
    """Every change that a file allows, in its order."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[Mutant] = []
    for number, (node, changed, function) in enumerate(_changes(tree)):
        before, after = ast.unparse(node), ast.unparse(changed)
        found.append(Mutant(file, node.lineno, function, _short(before), _short(after), number))
    return found


def mutated(path: Path, number: int) -> ast.Module:
    """The tree of a file with one of its changes made."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for place, (node, changed, _) in enumerate(_changes(tree)):
        if place == number:
            return ast.fix_missing_locations(_Put(node, changed).visit(tree))
    raise IndexError(number)


class _Put(ast.NodeTransformer):
    def __init__(self, node: ast.AST, changed: ast.AST) -> None:
        self.node, self.changed = node, changed

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self.node:
            return ast.copy_location(self.changed, node)
        return self.generic_visit(node)


def _short(text: str) -> str:
    return " ".join(text.split())[:100]


Change = tuple[ast.AST, ast.AST, int]


def _changes(tree: ast.Module) -> Iterator[Change]:
    yield from _within(tree.body, 0)


def _within(body: list[ast.stmt], function: int) -> Iterator[Change]:
    for statement in body:
        yield from _of_statement(statement, function)


def _of_statement(node: ast.stmt, function: int) -> Iterator[Change]:
    if isinstance(node, ast.FunctionDef):
        first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
        if not node.name.startswith("__") or node.name in {"__post_init__", "__call__", "__len__"}:
            yield from _within(node.body, first)
        return
    if isinstance(node, ast.ClassDef):
        yield from _within(node.body, function)
        return
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass | ast.Assert) or _is_for_types(node):
        return
    if isinstance(node, ast.Raise):
        yield node, ast.Pass(), function
        return
    if isinstance(node, ast.Expr):
        if not isinstance(node.value, ast.Constant):
            yield node, ast.Pass(), function
            yield from _of_expression(node.value, function)
        return
    if isinstance(node, ast.AugAssign):
        yield node, ast.Pass(), function
    if isinstance(node, ast.If | ast.While):
        opposite = deepcopy(node)
        opposite.test = ast.UnaryOp(ast.Not(), opposite.test)
        yield node, opposite, function
    skipped = {"annotation", "returns", "type_comment", "target", "targets"}
    for name, value in ast.iter_fields(node):
        if name in skipped:
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.stmt):
                yield from _of_statement(part, function)
            elif isinstance(part, ast.ExceptHandler | ast.withitem | ast.match_case):
                for inner in ast.iter_child_nodes(part):
                    if isinstance(inner, ast.stmt):
                        yield from _of_statement(inner, function)
                    elif isinstance(inner, ast.expr):
                        yield from _of_expression(inner, function)
            elif isinstance(part, ast.expr):
                yield from _of_expression(part, function)


def _is_for_types(node: ast.stmt) -> bool:
    alias = isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.unparse(node.annotation)
    return alias or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))


def _of_expression(node: ast.expr, function: int) -> Iterator[Change]:
    if isinstance(node, ast.JoinedStr):  # words
        return
    if isinstance(node, ast.Constant):
        yield from ((node, ast.Constant(value), function) for value in _others(node.value))
        return
    changed = deepcopy(node)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        changed.ops[0] = SWAPPED[type(node.ops[0])]()
        yield node, changed, function
    elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPPED:
        changed.op = SWAPPED[type(node.op)]()
        yield node, changed, function
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield node, deepcopy(node.operand), function
    elif isinstance(node, ast.IfExp):
        changed.body, changed.orelse = changed.orelse, changed.body
        yield node, changed, function
    elif isinstance(node, ast.Call):
        name = node.func
        if isinstance(name, ast.Name) and name.id in RENAMED:
            changed.func.id = RENAMED[name.id]
            yield node, changed, function
        elif isinstance(name, ast.Attribute) and name.attr in RENAMED:
            changed.func.attr = RENAMED[name.attr]
            yield node, changed, function
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.keyword):
            yield from _of_expression(part.value, function)
        elif isinstance(part, ast.comprehension):
            for inner in (part.iter, *part.ifs):
                yield from _of_expression(inner, function)
        elif isinstance(part, ast.expr):
            yield from _of_expression(part, function)


def _others(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, float):
        return [value * 2 if value else 1.0]
    return []
