"""Figures and lists in ``docs/`` that the code knows better."""

import re
from pathlib import Path

import pytest

from functions.http.routes import Protocol
from functions.main import DOORS
from functions.table import routes
from infra.bundle import build
from shared.domain.delivery.cost import Audience, Layout, terms
from shared.flow.delivery.plan import DEVICES_PER_PART, PAGE_SIZE

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_architecture_says_what_every_door_is_for_and_names_those_that_hold_no_calls() -> None:
    table = page("architecture.md").partition("<!-- functions -->")[2]
    table = table.partition("<!-- /functions -->")[0]
    doors = [it.replace("/", ".") for it in re.findall(r"\(\.\./([\w/]+)\.py\)", table)]
    assert sorted(doors) == sorted(set(DOORS.values()))
    callables = {row.function for row in routes() if row.protocol is Protocol.CALLABLE}
    named = re.findall(r"`([a-z-]+)`", table)
    assert sorted(named) == sorted({it.replace("_", "-") for it in DOORS} - callables)


@pytest.mark.parametrize("name", ["deploy.md", "operations.md"])
def test_what_a_million_phones_take_is_what_the_formula_says(name: str) -> None:
    """Dead addresses are told apart: how many there are is not ours to say."""
    audience, layout = Audience(1_000_000), Layout(page=PAGE_SIZE, part=DEVICES_PER_PART)
    every = {each.why: each.operations for each in terms(audience, layout, 150.0)}
    people = every.pop("audience read")
    assert round(people.reads, -5) == 1_000_000
    for what in ("reads", "writes"):
        number = sum(getattr(each, what) for each in every.values())
        assert f"{round(number, -2):,.0f} {what}" in page(name)


def test_the_guide_tells_the_size_of_the_bundle(tmp_path: Path) -> None:
    build(tmp_path / "f.zip")
    (told,) = re.findall(r"about ([\d,]+) bytes", page("deploy.md"))
    assert (tmp_path / "f.zip").stat().st_size == pytest.approx(int(told.replace(",", "")), rel=0.1)
