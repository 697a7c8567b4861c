"""The tables of codes: every code that code can give is there, with its outcome, and no other."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from shared.domain.audience.device import NO_ADDRESS, NO_CONSENT, UNREADABLE
from shared.domain.codes import FAILURES, OUTCOMES, remedy, sentence
from shared.domain.delivery.ledger import Outcome
from shared.domain.delivery.run import FailureReason
from shared.domain.push.answers import Accepted, RetryLater
from shared.domain.push.fcm import REACTIONS
from shared.domain.push.reactions import ANSWER_LOST

SHARED = Path(__file__).parents[2] / "shared"
ANSWERS = {
    "Rejected": Outcome.FAILED,
    "AddressGone": Outcome.FAILED,
    "Misconfigured": Outcome.FAILED,
    "Unsendable": Outcome.FAILED,
    "RetryLater": Outcome.OPEN,
}
"""What becomes of a device, at first, after each kind of answer; all name their code first."""


@cache
def codes() -> dict[str, set[Outcome]]:
    """Collect the codes in the table of reactions, and those that code elsewhere gives."""
    found: dict[str, set[Outcome]] = defaultdict(set)
    for *_, answer in REACTIONS:
        if not isinstance(answer, Accepted):
            found[answer.code].add(ANSWERS[type(answer).__name__])
    for source in sorted(SHARED.rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for code, outcome in of_call(node.func.id, node.args):
                    found[code].add(outcome)
    for code in (NO_CONSENT, NO_ADDRESS, UNREADABLE):
        found[code].add(Outcome.SKIPPED)
    return found


def of_call(name: str, args: list[ast.expr]) -> Iterator[tuple[str, Outcome]]:
    match name, args:
        case "Record", [ast.Attribute(attr=outcome), ast.Constant(value=str(code)), *_] if code:
            yield code, Outcome[outcome]
        case _, [ast.Constant(value=str(code)), *_] if name in ANSWERS:
            yield code, ANSWERS[name]


def test_the_table_has_exactly_the_outcome_codes_there_are() -> None:
    assert set(OUTCOMES) == set(codes())


@pytest.mark.parametrize("code", sorted(OUTCOMES.keys() - {ANSWER_LOST.code}))
def test_a_code_has_the_outcome_it_is_given_with(code: str) -> None:
    assert OUTCOMES[code].outcome in codes()[code]


def test_a_lost_answer_is_open_until_nothing_more_is_tried() -> None:
    assert isinstance(ANSWER_LOST, RetryLater)
    assert OUTCOMES[ANSWER_LOST.code].outcome == str(Outcome.UNKNOWN)


def test_every_failure_has_its_sentence() -> None:
    assert set(FAILURES) == set(FailureReason)


@pytest.mark.parametrize(
    "text",
    [
        *(it.sentence for it in OUTCOMES.values()),
        *(it.remedy for it in OUTCOMES.values()),
        *FAILURES.values(),
        sentence("of another time"),
        remedy("of another time"),
    ],
)
def test_sentences_and_remedies_are_sentences(text: str) -> None:
    assert text[0].isupper()
    assert text.endswith(".")
    assert "|" not in text
