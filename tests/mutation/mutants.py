"""Which small changes a source allows: signs, numbers, comparisons, conditions, left-out lines.

Left out by rule, as they change no result: words; what ``assert`` and ``zip(strict=True)`` check
of the code itself; how much is worked on at a time (``UNSEEN``), and whether arrays are copied.
"""

import ast
import hashlib
import re
from collections import Counter
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

UNSEEN = re.compile(
    r"(?:^|_)(?:BYTES|BLOCK|TILE|CELLS|TOGETHER|AT_ONCE|LANES|WORTH|THREAD|TABLE|ALWAYS|SEARCHED)$"
)
"""Names of numbers that say how much is worked on at a time, or when another way is quicker."""
UNSEEN_ARGUMENTS = {"copy", "strict", "stacklevel", "maxsize"}


@dataclass(frozen=True)
class Mutant:
    """One change: where, in which function, and what stands there now and then.

    Attributes
    ----------
    owner
        The outermost function, as ``Class.function``; nothing in a module's or class's own lines.
    function
        First line, with what decorates it, and last of the outermost function; 0 outside of any.
    lines
        First and last of what is changed, then of the statement in which it stands.
    number
        Its place among the changes of its file.
    copy
        How many like it stand before it in the same function.
    """

    file: str
    owner: str
    function: tuple[int, int]
    before: str
    after: str
    copy: int
    lines: tuple[int, int, int, int]
    number: int

    @property
    def line(self) -> int:
        """Where it stands."""
        return self.lines[0]

    @property
    def key(self) -> str:
        """The same wherever the function stands and whatever else the file holds."""
        told = "\n".join((self.file, self.owner, self.before, self.after, str(self.copy)))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def order(self, seed: int) -> str:
        """Those of a room with the lowest are drawn, so that other mutants change no draw."""
        return hashlib.sha256(f"{seed}:{self.key}".encode()).hexdigest()

    @property
    def place(self) -> str:
        """File and line, as editors take them."""
        return f"{self.file}:{self.line}"


def mutants_of(file: str, path: Path) -> list[Mutant]:
    """Every change that a file allows, in its order."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[Mutant] = []
    seen: Counter[tuple[str, str, str]] = Counter()
    starts = _starts(tree, "")
    for number, (node, changed, (owner, statement)) in enumerate(_changes(tree)):
        told = (owner, _short(ast.unparse(node)), _short(ast.unparse(changed)))
        lines = (*_lines(node), *_lines(statement))
        function = starts.get(owner, (0, 0))
        found.append(Mutant(file, owner, function, *told[1:], seen[told], lines, number))
        seen[told] += 1
    return found


def _starts(tree: ast.Module | ast.ClassDef, name: str) -> dict[str, tuple[int, int]]:
    """The first and the last line of each outermost function."""
    found: dict[str, tuple[int, int]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= _starts(node, f"{name}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            lines = [one.lineno for one in node.decorator_list]
            found[f"{name}{node.name}"] = (min([node.lineno, *lines]), node.end_lineno)
    return found


def _lines(node: ast.AST) -> tuple[int, int]:
    """Those of a statement's head alone, where it has a body."""
    last = node.test if isinstance(node, ast.If | ast.While) else node
    if isinstance(node, ast.For):
        last = node.iter
    elif isinstance(node, ast.With):
        last = node.items[-1].context_expr
    return node.lineno, last.end_lineno


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


Place = tuple[str, ast.stmt | None]
"""The outermost function and the statement that something stands in."""
Change = tuple[ast.AST, ast.AST, Place]


def _changes(tree: ast.Module) -> Iterator[Change]:
    for statement in tree.body:
        yield from _of_statement(statement, "", inside=False)


def _of_statement(node: ast.stmt, owner: str, *, inside: bool) -> Iterator[Change]:
    """Changes of a statement; ``owner`` is a class as long as this is not inside a function."""
    if isinstance(node, ast.FunctionDef):
        if not node.name.startswith("__") or node.name in {"__post_init__", "__call__", "__len__"}:
            name = owner if inside else f"{owner}.{node.name}".lstrip(".")
            for one in node.body:
                yield from _of_statement(one, name, inside=True)
        return
    if isinstance(node, ast.ClassDef):
        name = owner if inside else f"{owner}.{node.name}".lstrip(".")
        for one in node.body:
            yield from _of_statement(one, name, inside=inside)
        return
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass | ast.Assert) or _is_unseen(node):
        return
    place = (owner if inside else "", node)
    if isinstance(node, ast.Raise):
        yield node, ast.Pass(), place
        return
    if isinstance(node, ast.Expr):
        if not isinstance(node.value, ast.Constant):
            yield node, ast.Pass(), place
            yield from _of_expression(node.value, place)
        return
    if isinstance(node, ast.AugAssign):
        yield node, ast.Pass(), place
    if isinstance(node, ast.If | ast.While):
        opposite = deepcopy(node)
        opposite.test = ast.UnaryOp(ast.Not(), opposite.test)
        yield node, opposite, place
    skipped = {"annotation", "returns", "type_comment", "target", "targets"}
    for name, value in ast.iter_fields(node):
        if name in skipped:
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.stmt):
                yield from _of_statement(part, owner, inside=inside)
            elif isinstance(part, ast.ExceptHandler | ast.withitem | ast.match_case):
                for inner in ast.iter_child_nodes(part):
                    if isinstance(inner, ast.stmt):
                        yield from _of_statement(inner, owner, inside=inside)
                    elif isinstance(inner, ast.expr):
                        yield from _of_expression(inner, place)
            elif isinstance(part, ast.expr):
                yield from _of_expression(part, place)


def _is_unseen(node: ast.stmt) -> bool:
    """Whether a statement is for types alone, or says how much is worked on at a time."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        if isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.unparse(node.annotation):
            return True
        first = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return isinstance(first, ast.Name) and bool(UNSEEN.search(first.id))
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _of_expression(node: ast.expr, place: Place) -> Iterator[Change]:
    if isinstance(node, ast.JoinedStr):  # words
        return
    if isinstance(node, ast.Constant):
        yield from ((node, ast.Constant(value), place) for value in _others(node.value))
        return
    changed = deepcopy(node)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        changed.ops[0] = SWAPPED[type(node.ops[0])]()
        yield node, changed, place
    elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPPED:
        changed.op = SWAPPED[type(node.op)]()
        yield node, changed, place
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield node, deepcopy(node.operand), place
    elif isinstance(node, ast.IfExp):
        changed.body, changed.orelse = changed.orelse, changed.body
        yield node, changed, place
    elif isinstance(node, ast.Call):
        name = node.func
        if isinstance(name, ast.Name) and name.id in RENAMED:
            changed.func.id = RENAMED[name.id]
            yield node, changed, place
        elif isinstance(name, ast.Attribute) and name.attr in RENAMED:
            changed.func.attr = RENAMED[name.attr]
            yield node, changed, place
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.keyword):
            if part.arg in UNSEEN_ARGUMENTS:
                continue
            yield from _of_expression(part.value, place)
        elif isinstance(part, ast.comprehension):
            for inner in (part.iter, *part.ifs):
                yield from _of_expression(inner, place)
        elif isinstance(part, ast.expr):
            yield from _of_expression(part, place)


def _others(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, float):
        return [value * 2 if value else 1.0]
    return []
