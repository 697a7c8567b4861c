"""Names say what a thing is: neither a bare participle nor a metaphor stands for it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", "functions", "local", "cli", "infra", "benchmarks", "tests")

_PARTICIPLES = """
asked found given gone got heard held kept known left looked made meant met said seen shown
taken told wanted
"""
_METAPHORS = """
at_once authority cast deed elsewhere fruitless ground lane moods plainly scripts
stand_in stand_ins together wish witness
"""
_OF_CLASSES = "chunks desk later nothing pushes sight suspicion waiting"
PARTICIPLES = frozenset(_PARTICIPLES.split())
METAPHORS = frozenset(_METAPHORS.split())
OF_CLASSES = frozenset(_OF_CLASSES.split())
"""Good names of values, but of a class they do not say what it is."""

REVIEWED = {
    "shared/domain/content/shown.py": {"shown"},  # a term of the domain: what one device shows
    "shared/domain/push/apns.py": {"shown"},
    "shared/domain/push/desktop.py": {"shown"},
    "shared/domain/push/fcm.py": {"shown"},
    "shared/domain/push/hms.py": {"shown"},
    "shared/domain/archive/life.py": {"left"},  # and right
    "shared/domain/findings/scripts.py": {"scripts"},  # Unicode's
    "cli/desktop/kept.py": {"known", "shown"},  # fields of the file on a person's computer
    "cli/desktop/door.py": {"known"},
    "local/emulators/apns/answers.py": {"taken"},  # a field of what the emulators answer
    "local/emulators/faults.py": {"taken"},
    "local/emulators/hms/answers.py": {"taken"},
    "local/emulators/push/received.py": {"taken"},
}
OLDER = {
    "local/emulators/firestore/calls.py": {"asked", "known", "shown", "told", "wanted"},
    "local/emulators/firestore/grpc_calls.py": {"asked"},
    "local/emulators/firestore/server.py": {"said"},
    "local/emulators/firestore/triggers.py": {"asked", "heard", "shown"},
    "local/emulators/firestore/values.py": {"held", "shown"},
    "tests/flow/hazard.py": {"given"},
    "tests/flow/parts.py": {"seen", "shown"},
}
"""Names that are still to be replaced; nothing is added here."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def names_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of every class, function, parameter, attribute and module variable."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | Function):
            yield node.lineno, node.name
        if isinstance(node, ast.Module | ast.ClassDef):
            yield from variables_of(node)
        elif isinstance(node, Function):
            given = node.args
            for arg in (*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs):
                if arg is not None:
                    yield arg.lineno, arg.arg
            if given.kwarg is not None:
                yield given.kwarg.lineno, given.kwarg.arg
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def variables_of(node: ast.Module | ast.ClassDef) -> Iterator[tuple[int, str]]:
    """Yield line and name of what a module or class assigns; constants are none of it."""
    for statement in node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            for each in ast.walk(statement):
                stored = isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
                if isinstance(each, ast.Name) and stored and not each.id.isupper():
                    yield each.lineno, each.id


def is_class_name(name: str) -> bool:
    return name.strip("_")[:1].isupper()


def is_forbidden(name: str) -> bool:
    word = name.strip("_").lower()
    return word in PARTICIPLES | METAPHORS or (is_class_name(name) and word in OF_CLASSES)


def forbidden_in(source: Path) -> Iterator[tuple[int, str]]:
    """Yield line and name of what a source should name otherwise."""
    for line, name in names_in(ast.parse(source.read_text(encoding="utf-8"))):
        if is_forbidden(name):
            yield line, name


def sources() -> list[Path]:
    return sorted(it for package in PACKAGES for it in (ROOT / package).rglob("*.py"))


def path_of(source: Path) -> str:
    return source.relative_to(ROOT).as_posix()


def test_every_name_says_what_it_names() -> None:
    strays = [
        f"{path_of(source)}:{line} {name}"
        for source in sources()
        for line, name in forbidden_in(source)
        if name.strip("_").lower() not in (REVIEWED | OLDER).get(path_of(source), ())
    ]
    assert strays == []


def test_every_exception_is_still_needed() -> None:
    for path, names in (REVIEWED | OLDER).items():
        found = {name.strip("_").lower() for _, name in forbidden_in(ROOT / path)}
        assert found == names, path


def test_a_class_is_found_by_its_name_and_a_value_is_not() -> None:
    code = "class Pushes:\n    told: int\n\n    def send(self, pushes, *given): self.seen = 1\n"
    found = {name for _, name in names_in(ast.parse(code)) if is_forbidden(name)}
    assert found == {"Pushes", "told", "given", "seen"}
