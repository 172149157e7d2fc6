"""The runtime's own sentences, found in the source: what may become the reason of a waiting row or an attempt.

A sentence is what is given to `Waits`, `settle`, an outcome, a row, a pause or an error. A literal stands for
itself, an f-string for a sentence with gaps; names, conditions and functions of the same module are followed. What
comes from elsewhere (a parameter, a vendor's words) is a gap.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import shared
from shared import errors

GAP: Final = "\0"
NESTED: Final = "\1"
ROOT: Final = Path(shared.__path__[0]).parent
_PLACES: Final = ("flows", "runtime", "connectors", "store", "operations", "keys.py", "model/remarks.py")
# Told on standard error by a start or by a command of the operator; nothing of it reaches a row or a page.
_APART: Final = (
    "runtime/settings.py",
    "runtime/traces.py",
    "store/migrations",
    "store/schema.py",
    "store/copying.py",
    "operations/administration.py",
    "operations/backup.py",
    "operations/recovery.py",
    "operations/rotation.py",
)
# Who says a sentence: the place of it among the arguments, and its keyword.
_SAYERS: Final[Mapping[str, int]] = {
    "Waits": 1,
    "settle": 1,
    "_ended": 3,
    "_meeting": 2,
    "Outcome": 1,
    "_put": 3,
    "_pause": 1,
    "pause_flow": 2,
    "_made": 6,
}
# Functions that give back a reason, and the sentence that it stands in.
_REASONS: Final[Mapping[str, str]] = {
    "unwanted": "...",
    "wanted": "...",
    "why": "...",
    "waits_to_be_a_client": "It is not made there yet: ....",
    "_answer": "...",
    "judge": "...",
    "_by_number": "...",
}
_KEYWORDS: Final = ("says", "problem", "way_out")
_NO_SAYERS: Final = frozenset(
    {"Option", "TwoWay", "OneWay", "Document", "Text", "Check", "OwnField", "Misconfigured"}
)
_LOGS: Final = frozenset({"debug", "info", "warning", "error", "exception"})
_MOST: Final = 200
_DEPTH: Final = 6


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` has GAP for each gap, NESTED where another sentence stands; a way out stands behind `after`."""

    text: str
    place: str
    after: str = ""


class _Module:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
        self.constants: dict[str, ast.expr] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.functions.setdefault(node.name, []).append(node)
        for each in self.tree.body:
            match each:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.constants[name] = value
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    self.constants[name] = value

    def texts(self, node: ast.expr | None, scope: ast.AST, depth: int = 0) -> list[str]:
        """Every text that an expression may have; GAP for what is not known here."""
        if node is None or depth > _DEPTH:
            return [GAP]
        match node:
            case ast.Constant(value=str() as text):
                return [text]
            case ast.Constant():
                return [GAP]
            case ast.JoinedStr(values=parts) | ast.BoolOp(op=ast.Or(), values=parts) | ast.Tuple(elts=parts):
                found = [self.texts(part, scope, depth + 1) for part in parts]
                return _joined(found) if isinstance(node, ast.JoinedStr) else list(itertools.chain(*found))
            case ast.FormattedValue(value=ast.Name() as value, conversion=-1, format_spec=None):
                return [text for text in self.texts(value, scope, depth + 1) if text != GAP] or [GAP]
            case ast.FormattedValue(value=ast.Attribute(attr="message" | "en")):
                return [NESTED]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _joined([self.texts(left, scope, depth + 1), self.texts(right, scope, depth + 1)])
            case ast.IfExp(body=body, orelse=other):
                return self.texts(body, scope, depth + 1) + self.texts(other, scope, depth + 1)
            case ast.Name(id=name):
                constant = [self.constants[name]] if name in self.constants else []
                given = _assigned(name, scope) or constant
                return list(itertools.chain(*(self.texts(each, scope, depth + 1) for each in given))) or [GAP]
            case ast.Attribute(value=ast.Name(id=name), attr="en") if name in self.constants:
                return self.texts(_english(self.constants[name]), scope, depth + 1)
            case ast.Call(func=ast.Attribute(value=ast.Dict(values=values), attr="get"), args=args):
                return list(
                    itertools.chain(*(self.texts(each, scope, depth + 1) for each in [*values, *args[1:]]))
                )
            case ast.Call(func=ast.Name(id=name)) if len(self.functions.get(name, ())) == 1:
                function = self.functions[name][0]
                returned = [each.value for each in ast.walk(function) if isinstance(each, ast.Return)]
                return list(itertools.chain(*(self.texts(each, function, depth + 1) for each in returned)))
        return [GAP]


def _joined(parts: Sequence[Sequence[str]]) -> list[str]:
    return ["".join(each) for each in itertools.islice(itertools.product(*parts), _MOST)]


def _assigned(name: str, scope: ast.AST) -> list[ast.expr]:
    found = []
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=each)], value=value) if each == name:
                found.append(value)
    return found


def _english(constant: ast.expr) -> ast.expr | None:
    keywords = constant.keywords if isinstance(constant, ast.Call) else []
    return next((each.value for each in keywords if each.arg == "en"), None)


def _modules() -> list[_Module]:
    home = ROOT / "shared"
    paths = [
        path
        for place in _PLACES
        for path in ([home / place] if place.endswith(".py") else (home / place).rglob("*.py"))
    ]
    return [_Module(path) for path in sorted(paths) if not str(path.relative_to(home)).startswith(_APART)]


def _errors(modules: Sequence[_Module]) -> frozenset[str]:
    """Every class of errors that may reach a row. Misconfigured refuses a start, and stays out."""
    known = {name for name, kind in vars(errors).items() if isinstance(kind, type)} - {"Misconfigured"}
    classes = [node for module in modules for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    while True:
        more = {each.name for each in classes if {_name(base) for base in each.bases} & known} - known
        if not more:
            return frozenset(known)
        known |= more


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _calls(node: ast.AST, scope: ast.AST, kind: str = "") -> Iterator[tuple[ast.Call, ast.AST, str]]:
    """Every call with the function around it, and the class around that."""
    for child in ast.iter_child_nodes(node):
        inner = child if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) else scope
        if isinstance(child, ast.Call):
            yield child, scope, kind
        yield from _calls(child, inner, child.name if isinstance(child, ast.ClassDef) else kind)


def _said(call: ast.Call, kind: str, problems: frozenset[str]) -> tuple[list[ast.expr], list[ast.expr]]:
    """What a call is given to say, and its ways out."""
    name = _name(call.func)
    if name in _NO_SAYERS or (name in _LOGS and isinstance(call.func, ast.Attribute)):
        return [], []
    is_error = name in problems or (name == "__init__" and kind in problems)
    place = 0 if is_error else _SAYERS.get(name)
    given = call.args[place : place + 1] if place is not None else []
    keywords = {each.arg: each.value for each in call.keywords if each.arg in _KEYWORDS}
    ways = [keywords.pop("way_out")] if "way_out" in keywords else []
    return [*given, *keywords.values()], ways


def _reasons(module: _Module) -> Iterator[tuple[str, int]]:
    """What functions give back as a reason; half a sentence stands in the sentence that takes it."""
    for name, around in _REASONS.items():
        for function in module.functions.get(name, ()):
            for each in ast.walk(function):
                if isinstance(each, ast.Return):
                    is_whole = _is_worded if around == "..." else _is_lettered
                    told = [text for text in module.texts(each.value, function) if is_whole(text)]
                    yield from ((around.replace("...", text), each.lineno) for text in told)


def _halves(module: _Module) -> Iterator[tuple[str, int]]:
    """What a field should be (`values.wrong`), what is wrong with one that is carried, texts by their names."""
    for call, scope, _kind in _calls(module.tree, module.tree):
        if _name(call.func) == "wrong" and len(call.args) == 2:
            for text in module.texts(call.args[1], scope):
                yield f"The field {GAP} is not {text}.", call.lineno
    for node in ast.walk(module.tree):
        match node:
            case ast.Assign(targets=[ast.Subscript()], value=ast.Constant(value=str() as text)):
                if module.path.name == "remarks.py":
                    yield f"Both sides agree. {GAP}: {text}", node.lineno
            case ast.Tuple() if module.path.name == "matching_report.py":
                yield from ((text, node.lineno) for text in module.texts(node, module.tree) if _is_worded(text))
    if module.path.name == "wire.py":  # what errors take from here by `.en`
        for constant in module.constants.values():
            yield from (
                (text, constant.lineno) for text in module.texts(_english(constant), module.tree) if text != GAP
            )


def sentences() -> list[Sentence]:
    """All of them, each once, with the place where it stands."""
    modules = _modules()
    problems = _errors(modules)
    found: dict[tuple[str, str], Sentence] = {}
    for module in modules:
        for text, line in [*_reasons(module), *_halves(module)]:
            found.setdefault((text, ""), Sentence(text, f"{module.path.relative_to(ROOT)}:{line}"))
        for call, scope, kind in _calls(module.tree, module.tree):
            given, ways = _said(call, kind, problems)
            place = f"{module.path.relative_to(ROOT)}:{call.lineno}"
            heads = [text for each in given for text in module.texts(each, scope) if _is_worded(text)]
            tails = [text for each in ways for text in module.texts(each, scope) if _is_worded(text)]
            for text in heads:
                found.setdefault((text, ""), Sentence(text, place))
            for head, tail in itertools.product(heads or [""], tails):
                found.setdefault((tail, head), Sentence(tail, place, head))
    return list(found.values())


def _is_worded(text: str) -> bool:
    """Whether it is a sentence: not gaps alone, and no name or word."""
    return _is_lettered(text) and " " in text and text.endswith((".", ")", GAP, NESTED))


def _is_lettered(text: str) -> bool:
    return any(letter.isalpha() for letter in text)
