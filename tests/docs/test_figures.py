"""Figures and lists in ``docs/`` that the code knows better."""

import re
from pathlib import Path

import pytest

from functions.main import DOORS
from infra.bundle import build
from shared.domain.delivery.cost import Audience, Layout, terms
from shared.flow.delivery.plan import DEVICES_PER_PART, PAGE_SIZE

DOCS = Path(__file__).parents[2] / "docs"
WORDS = {15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen"}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_architecture_says_what_every_function_is_for() -> None:
    text = page("architecture.md")
    table = text.partition("<!-- functions -->")[2].partition("<!-- /functions -->")[0]
    told = re.findall(r"`([a-z-]+)`", table)
    assert sorted(told) == sorted(door.replace("_", "-") for door in DOORS)
    assert f"Fanfare is {WORDS[len(DOORS)]} Cloud Functions" in text


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
