"""Docstrings speak in one voice: a function's begins with a verb, a class's with a noun.

Those that clients read in the description of the API, or operators as a command's help, stay as
they are. So does the docstring of a test: its name is the sentence, and the docstring a reason.
"""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DESCRIPTION = ROOT / "tests" / "recorded" / "openapi" / "provider-api-description.json"
FINISHED = (
    "shared/domain/actors.py",
    "shared/domain/answer_bodies.py",
    "shared/domain/codes.py",
    "shared/domain/errors.py",
    "shared/domain/human_text.py",
    "shared/domain/inputs.py",
    "shared/domain/moments.py",
    "shared/domain/tally.py",
    "shared/domain/audience",
    "shared/domain/push",
    "shared/domain/delivery",
    "shared/domain/links",
    "shared/domain/findings",
    "shared/domain/content",
    "shared/domain/providers",
    "shared/domain/notifications",
    "shared/domain/chat",
    "shared/domain/archive",
    "shared/ports",
    "shared/stores",
    "shared/flow/delivery",
    "shared/flow/findings",
    "shared/flow/providers",
    "shared/flow/moderation",
    "shared/flow/chat",
    "shared/flow/archive",
    "shared/flow/notifications",
    "shared/flow/audience",
    "functions",
    "cli",
    "shared/wire",
    "shared/adapters/accounts.py",
    "shared/adapters/archive",
    "shared/adapters/clock.py",
    "shared/adapters/firestore/client.py",
    "shared/adapters/firestore/events.py",
    "shared/adapters/firestore/google_database.py",
    "shared/adapters/firestore/rest.py",
    "shared/adapters/firestore/rest_auth.py",
    "shared/adapters/firestore/rest_database.py",
    "shared/adapters/firestore/rest_values.py",
    "shared/adapters/identities.py",
    "shared/adapters/memory/archive.py",
    "shared/adapters/memory/chat.py",
    "shared/adapters/memory/database.py",
    "shared/adapters/memory/senders.py",
    "shared/adapters/memory/standings.py",
    "shared/adapters/memory/tasks.py",
    "shared/adapters/memory/web.py",
    "shared/adapters/push",
    "shared/adapters/rates.py",
    "shared/adapters/standings.py",
    "shared/adapters/tasks.py",
    "shared/adapters/telegram.py",
    "shared/adapters/telegram_calls.py",
    "shared/adapters/web",
    "shared/settings",
    "shared/wiring.py",
    "local",
    "infra",
    "benchmarks",
    "tests",
)
"""Packages and modules that keep to it; one that is added here is held to it from then on."""
_VERBS = """
Accept Add Advance Agree Answer Approve Archive Ask Assert Audit Begin Bound Bring Build Calculate
Call Cancel Carry Change Check Choose Claim Clear Close Collect Combine Compare Complete Compress
Compute Connect Convert Copy Correct Count Create Cut Decide Decode Delete Derive Describe Display
Divide Do Drop Edit Encode End Enlarge Enqueue Enter Escape Estimate Exchange Exclude Explain Export
Extract Fail Fetch Fill Find Flush Fold Follow Forget Form Format Forward Freeze Get Give Grant
Group Guess Halt Hand Handle Hash Have Hold Ignore Index Inspect Install Issue Join Judge Keep Lay
Leave Let Limit List Listen Load Log Look Lose Make Mark Match Measure Merge Mint Move Name
Normalize Note Number Offer Open Order Parse Pass Plan Post Prepare Print Prove Put Queue Quote
Raise Read Rebuild Recompute Record Redirect Reduce Refuse Register Reject Release Remember Remind
Remove Render Repeat Replace Require Reset Resolve Return Revoke Round Run Save Say Schedule Seal
Send Serve Set Settle Shorten Show Sign Skip Sort Split Start Stop Store Strip Submit Sum Take Tell
Test  Trim Try Turn Undo Update Use Verify Wait Wake Warm Weigh Withdraw Work Wrap Write Yield
"""
_VERBS_OF_TESTS = """
Allow Apply Deliver Die Download Draw Enrol Invite Map Pair Pick Press Refresh Reply Restore
"""
VERBS = frozenset(_VERBS.split() + _VERBS_OF_TESTS.split())
OLDER = ("tests/flow/hazard.py", "tests/flow/parts.py")
"""Sources that are still to be written so; nothing is added here."""
QUESTIONS = {"How", "What", "When", "Where", "Whether", "Which", "Who", "Whoever", "Whose", "Why"}
PRONOUNS = {"All", "Everybody", "Everything", "It", "Nobody", "Nothing", "Somebody", "Something"}


def sources(package: str) -> list[Path]:
    place = ROOT / package
    found = [place] if place.is_file() else sorted(place.rglob("*.py"))
    return [it for it in found if it.relative_to(ROOT).as_posix() not in OLDER]


def first_words(source: Path) -> Iterator[tuple[str, ast.AST, str]]:
    """Yield place, node and first word of every public docstring of a class or function."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            is_hidden = node.name.startswith("_") and not node.name.startswith("__")
            if docstring and not is_hidden and not node.name.startswith("test_"):
                place = f"{source.relative_to(ROOT)}:{node.lineno} {node.name}: {docstring[:50]}"
                yield place, node, docstring.split()[0].strip("\"'.,:;`")


def is_shown(node: ast.AST) -> bool:
    """Tell whether clients or operators read a docstring: in the API's description, as help."""
    assert isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    if any(".command(" in name or ".group(" in name for name in decorators(node)):
        return True
    docstring = ast.get_docstring(node) or ""
    shown = docstring if isinstance(node, ast.ClassDef) else docstring.splitlines()[0]
    return f"{json.dumps(shown)}," in DESCRIPTION.read_text(encoding="utf-8")


def decorators(node: ast.AST) -> list[str]:
    return [ast.unparse(it) for it in getattr(node, "decorator_list", ())]


def is_attribute(node: ast.AST) -> bool:
    """Tell a property from a function: it is read like a field, and described like one."""
    return any(name.endswith("property") for name in decorators(node))


@pytest.mark.parametrize("package", FINISHED)
def test_a_function_begins_with_a_verb(package: str) -> None:
    strays = [
        place
        for source in sources(package)
        for place, node, word in first_words(source)
        if not isinstance(node, ast.ClassDef) and not is_attribute(node)
        if word not in VERBS and not is_shown(node)
    ]
    assert strays == []


@pytest.mark.parametrize("package", FINISHED)
def test_a_class_and_a_property_begin_with_a_noun(package: str) -> None:
    strays = [
        place
        for source in sources(package)
        for place, node, word in first_words(source)
        if (is_attribute(node) or isinstance(node, ast.ClassDef))
        and word in QUESTIONS | PRONOUNS | VERBS
        and not is_shown(node)
    ]
    assert strays == []
