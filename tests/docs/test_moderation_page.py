"""``docs/moderation.md`` tells the limits that count, and every kind of entry a history has."""

import re
from pathlib import Path

import pytest

from shared.domain.notifications.history import Note
from shared.domain.notifications.review import CLAIM_LEASE, ReviewPolicy
from shared.domain.providers.provider import LIMITS, MOST_ADMIN_HWIDS, Limit, Plan
from shared.flow.notifications.submission import WINDOWS

PAGE = (Path(__file__).parents[2] / "docs" / "moderation.md").read_text(encoding="utf-8")


COUNTED = [Limit.PENDING_AT_ONCE, *WINDOWS]
OTHERS = [it for it in Limit if it not in {*COUNTED, Limit.DEVICES_PER_MINUTE}]


@pytest.mark.parametrize(("mark", "limits"), [("limits", COUNTED), ("rates", OTHERS)])
def test_the_table_has_the_limits_of_both_plans(mark: str, limits: list[Limit]) -> None:
    table = PAGE.split(f"<!-- {mark} -->")[1].strip().split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    told = {
        row[0].strip("`"): (int(row[1].replace(",", "")), int(row[2].replace(",", "")))
        for row in rows[2:]
    }
    assert told == {
        str(limit): (LIMITS[Plan.PREMIUM][limit], LIMITS[Plan.ENTERPRISE][limit])
        for limit in limits
    }
    assert f"at most {MOST_ADMIN_HWIDS} admin HWIDs" in PAGE


def test_every_limit_is_told_with_the_code_of_its_refusal() -> None:
    for limit in (*COUNTED, *OTHERS):
        assert f"`{limit}Reached`" in PAGE


def test_every_kind_of_entry_is_named() -> None:
    history = PAGE.split("## The history")[1]
    assert set(Note) <= set(re.findall(r"`(\w+)`", history))


def test_numbers_are_the_ones_that_count() -> None:
    assert CLAIM_LEASE.total_seconds() == 600
    assert "for ten minutes" in PAGE
    assert f"{ReviewPolicy().second_approval_above:,}" in PAGE
