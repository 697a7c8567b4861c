"""What a notification costs: the formula, held to what the emulators count, and the command."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.fixture import Services, approved, desktops, phones, run, seed, services
from cli.main import main
from local.firestore import FirestoreEmulator
from shared.domain.delivery.cost import (
    LIST,
    Audience,
    Layout,
    Operations,
    dollars_per_million,
    terms,
    total,
)
from shared.flow.delivery.plan import DEVICES_PER_PART, PAGE_SIZE

LAYOUT = Layout(page=PAGE_SIZE, part=DEVICES_PER_PART)
PHONES, DESKTOPS, DEAD = 2300, 300, 46
PROJECT = "demo-cost"


@dataclass(frozen=True, slots=True)
class Counted:
    """Billed operations of a real fan-out."""

    reads: int
    writes: int
    task_operations: int


@pytest.fixture(scope="module")
def running(firestore_emulator: FirestoreEmulator) -> Iterator[Services]:
    with services(firestore_host=firestore_emulator.address) as found:
        yield found


@pytest.fixture(scope="module")
def counted(running: Services) -> Counted:
    environment = running.of(PROJECT)
    seed(environment, chain(phones(PHONES, dead=DEAD), desktops(DESKTOPS)))
    approved(PROJECT, "n1")
    both: list[dict[str, Any]] = [
        run("benchmarks.worker", work, "n1", environment=environment) for work in ("plan", "send")
    ]
    enqueued = sum(queue["waiting"] for queue in running.tasks.stats().values())
    the_plan_itself = 1
    return Counted(
        sum(each["reads"] for each in both),
        sum(each["writes"] for each in both),
        2 * (enqueued + the_plan_itself),
    )


@pytest.fixture(scope="module")
def expected() -> Operations:
    devices = PHONES + DESKTOPS
    return total(terms(Audience(devices, DESKTOPS / devices, DEAD / PHONES), LAYOUT, 0.0))


@pytest.mark.parametrize("kind", ["reads", "writes", "task_operations"])
def test_the_formula_is_within_a_twentieth_of_what_is_counted(
    counted: Counted, expected: Operations, kind: str
) -> None:
    assert getattr(expected, kind) == pytest.approx(getattr(counted, kind), rel=0.05)


def test_the_price_is_within_a_twentieth_of_what_was_counted(
    counted: Counted, expected: Operations
) -> None:
    billed = Operations(
        expected.devices, counted.reads, counted.writes, counted.task_operations, 0.0
    )
    assert expected.dollars == pytest.approx(billed.dollars, rel=0.05)


def test_a_million_phones_cost_what_the_target_allows() -> None:
    operations = total(terms(Audience(1_000_000), LAYOUT, 150.0))
    assert dollars_per_million(operations) <= 0.35


def test_every_desktop_and_every_dead_address_costs_its_own() -> None:
    some, none = Audience(10_000, desktops=0.1, dead=0.01), Audience(10_000)
    more, less = total(terms(some, LAYOUT, 0.0)), total(terms(none, LAYOUT, 0.0))
    assert more.writes - less.writes == pytest.approx(1000 + 90)
    assert more.reads - less.reads == pytest.approx(90)


@pytest.mark.parametrize("devices", [1, 49, 500, 501, 2001, 20_000, 20_001, 1_000_000])
def test_whatever_the_size_everybody_is_read_once_and_chunked(devices: int) -> None:
    by_name = {term.why: term.operations for term in terms(Audience(devices), LAYOUT, 0.0)}
    assert by_name["audience read"].reads >= devices
    assert by_name["ledger"].writes >= devices / 50
    assert by_name["stop looked for"].reads == 2 * by_name["ledger"].writes


def test_the_command_tells_every_term_and_their_sum() -> None:
    told = CliRunner().invoke(main, ["cost", "--devices", "1000000", "--desktops", "10"])
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    dollars = [float(line.split()[-1]) for line in lines[1:-2]]
    assert lines[-3].startswith("together")
    assert dollars[-1] == pytest.approx(sum(dollars[:-1]), abs=1e-5)
    assert f"reads ${LIST.read * 100_000:.2f}" in lines[-1]


def test_the_command_asks_no_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    assert CliRunner().invoke(main, ["cost"]).exit_code == 0


@pytest.mark.parametrize("wrong", [["--devices", "0"], ["--dead", "101"], ["--batch", "0"]])
def test_impossible_audiences_are_refused(wrong: list[str]) -> None:
    assert CliRunner().invoke(main, ["cost", *wrong]).exit_code == 2
