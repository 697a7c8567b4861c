"""The reference pages say of every answer and every code what the code does, and of no others."""

from pathlib import Path

import pytest

from shared.domain.push.apns import Step
from tests.docs.pages import STEPS, missing, pages, read, written


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_tables_are_those_of_the_code(page: Path) -> None:
    assert read(page) == written(read(page)), f"docs/{page.name} is stale: make docs"


def test_every_table_is_on_a_page() -> None:
    assert missing() == []


def test_every_step_is_told() -> None:
    assert STEPS.keys() == set(Step)
