"""``docs/errors.md`` says of every answer and every code what the code does, and of no others."""

import pytest

from shared.domain.delivery.remedies import REMEDIES, remedy
from shared.domain.delivery.sentences import SENTENCES
from shared.domain.push.apns_reactions import Step
from tests.docs.errors import DOCUMENT, STEPS, TABLES, document


def test_the_tables_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert document(text) == text, "write them with: python -m tests.docs.errors"


def test_every_table_is_there() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in TABLES if f"<!-- table: {name} -->" not in text] == []


def test_there_is_a_remedy_for_exactly_the_codes_there_are() -> None:
    assert REMEDIES.keys() == SENTENCES.keys()


@pytest.mark.parametrize("text", [*REMEDIES.values(), remedy("of another time")])
def test_a_remedy_is_a_sentence(text: str) -> None:
    assert text[0].isupper()
    assert text.endswith(".")
    assert "|" not in text


def test_every_step_is_told() -> None:
    assert STEPS.keys() == set(Step)
