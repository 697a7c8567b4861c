"""Every code that can stand on a notification has its sentence."""

import ast
from pathlib import Path

import pytest

from shared.domain.audience.device import NO_ADDRESS, NO_CONSENT, UNREADABLE
from shared.domain.delivery.sentences import FAILURES, SENTENCES, sentence
from shared.domain.notifications.notification import FailureReason
from shared.domain.push.answers import Accepted
from shared.domain.push.fcm_reactions import REACTIONS

SHARED = Path(__file__).parents[2] / "shared"
KINDS = {
    "Record": 1,
    "Rejected": 0,
    "AddressGone": 0,
    "Later": 0,
    "Misconfigured": 0,
    "Unsendable": 0,
}
"""Where among its arguments each has the code."""


def codes() -> set[str]:
    """Those in the table of reactions, and those that code elsewhere gives to an outcome."""
    found = {answer.code for *_, answer in REACTIONS if not isinstance(answer, Accepted)}
    for source in sorted(SHARED.rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found |= given(node, KINDS.get(node.func.id))
    return found | {"noSender", NO_CONSENT, NO_ADDRESS, UNREADABLE}


def given(call: ast.Call, place: int | None) -> set[str]:
    if place is None or len(call.args) <= place:
        return set()
    code = call.args[place]
    return {code.value} if isinstance(code, ast.Constant) and isinstance(code.value, str) else set()


def test_there_are_sentences_for_exactly_the_codes_there_are() -> None:
    assert set(SENTENCES) == codes()


@pytest.mark.parametrize("text", [*SENTENCES.values(), *FAILURES.values(), sentence("old")])
def test_a_sentence_is_one(text: str) -> None:
    assert text[0].isupper()
    assert text.endswith(".")


def test_every_failure_has_its_sentence() -> None:
    assert set(FAILURES) == set(FailureReason)
