"""What ``make bench`` leaves behind: a figure that was not measured is never there."""

import json
from pathlib import Path

import pytest

import benchmarks.__main__
from benchmarks import fanout
from benchmarks.__main__ import MEANINGS, SUITES
from benchmarks.fanout import Cost, Fanout
from benchmarks.memory import SyntheticAudience
from benchmarks.summary import Figure, keep, line, ratios, summary
from shared.domain.audience.device import PARTITIONS
from shared.domain.audience.filters import Segment
from shared.domain.audience.targeting import PartitionRange, audience_queries, partition_ranges
from tests.builders import NOON

(EVERYBODY,) = audience_queries(Segment(), ["example.com"], NOON)


def figure(median: float) -> Figure:
    return Figure(median, median - 1, median + 1, 5)


def report(out: Path) -> dict[str, object]:
    return dict(json.loads(out.read_text()))


# ---- from runs to figures --------------------------------------------------------------------


def test_a_figure_is_the_median_of_its_runs_and_says_how_far_they_lie_apart() -> None:
    assert summary({"a": [9.0, 1.0, 2.0, 3.0, 2.5]}) == {"a": Figure(2.5, 1.0, 9.0, 5)}


def test_a_key_that_no_run_measured_is_absent() -> None:
    assert summary({"a": [], "b": [1.0]}).keys() == {"b"}


def test_a_ratio_is_taken_within_each_pair_before_the_median() -> None:
    pairs = ratios([10.0, 100.0, 30.0], [1.0, 100.0, 10.0])
    assert pairs == [10.0, 1.0, 3.0]
    assert summary({"a": pairs})["a"].median == 3.0


def test_a_ratio_without_its_other_side_is_no_ratio() -> None:
    assert ratios([1.0, 2.0], []) == ratios([], [1.0]) == []


def test_a_run_without_its_partner_is_noticed() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


def test_a_row_of_the_table_shows_median_range_and_number_of_runs() -> None:
    row = line("CPU", Figure(2.5, 1.0, 9.25, 5)).split()
    assert row == ["CPU", "2.500", "1.000", "–", "9.250", "5", "runs"]


def fanned_out(devices: int, seconds: float) -> Fanout:
    plan = Cost(devices, seconds, 100 * 2**20, devices, devices // 100, 1)
    return Fanout(plan, Cost(devices, 3 * seconds, 120 * 2**20, 9, devices // 50, 0))


def test_every_round_of_the_fan_out_is_a_run_of_each_of_its_figures() -> None:
    rounds = range(1, 6)
    small = [fanned_out(10_000, 1.0 * number) for number in rounds]
    large = [fanned_out(100_000, 12.0 * number) for number in rounds]
    runs = fanout._figures(small, [800.0] * 5, large)
    assert {len(each) for each in runs.values()} == {5}
    assert runs["cpu_per_device_100k_vs_10k"] == pytest.approx([1.2] * 5)
    assert runs["path_cpu_vs_naive"][:2] == pytest.approx([2.0, 1.0])
    assert runs.keys() <= MEANINGS.keys()


def test_a_large_audience_of_another_size_leaves_no_key_that_names_100k() -> None:
    runs = fanout._figures([fanned_out(10_000, 1.0)], [800.0], [fanned_out(20_000, 2.0)])
    assert "path_cpu_vs_naive" in runs
    assert not [key for key in runs if "100k" in key]


# ---- what is left behind ---------------------------------------------------------------------


def test_each_key_has_one_number_and_the_ranges_are_apart(tmp_path: Path) -> None:
    out = tmp_path / "there" / "bench.json"
    keep({"a": Figure(2.5, 1.0, 9.0, 5)}, out, whole=True, machine="m", date="d")
    assert report(out) == {
        "a": 2.5,
        "machine": "m",
        "date": "d",
        "spread": {"a": {"least": 1.0, "most": 9.0, "runs": 5}},
    }


def test_one_suite_leaves_the_figures_of_the_others(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    keep({"a": figure(1.0), "b": figure(2.0)}, out, whole=True, date="before")
    keep({"b": figure(3.0)}, out, whole=False, date="now")
    figures = report(out)
    assert (figures["a"], figures["b"], figures["date"]) == (1.0, 3.0, "now")
    assert figures["spread"] == {
        "a": {"least": 0.0, "most": 2.0, "runs": 5},
        "b": {"least": 2.0, "most": 4.0, "runs": 5},
    }


def test_a_whole_run_forgets_what_it_did_not_measure(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    keep({"a": figure(1.0)}, out, whole=True)
    keep({"b": figure(2.0)}, out, whole=True)
    assert report(out).keys() == {"b", "spread"}


def test_every_key_of_the_table_is_a_word() -> None:
    assert all(key.isidentifier() for key in MEANINGS)


def test_a_suite_that_is_not_there_is_refused_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "sender", "sendr"])
    with pytest.raises(SystemExit):
        benchmarks.__main__.main()
    said = capsys.readouterr()
    assert "there is no suite sendr" in said.err
    assert all(name in said.err for name in SUITES)
    assert said.out == ""


# ---- the synthetic audience ------------------------------------------------------------------


@pytest.mark.parametrize("devices", [1, 999, 20_001, 50_000])
def test_the_synthetic_audience_is_read_whole_and_in_order(devices: int) -> None:
    audience, found = SyntheticAudience(devices), []
    for part in partition_ranges(devices, devices_each=20_000):
        after = ""
        while True:
            page = audience.page(EVERYBODY, part, after, 2_000, "")
            found += [key for key, _ in page.targets]
            if page.last is None:
                break
            after = page.last
    assert len(found) == len(set(found)) == devices
    assert found == sorted(found)


def test_a_range_without_devices_is_an_empty_page() -> None:
    page = SyntheticAudience(1).page(EVERYBODY, PartitionRange(9, PARTITIONS), "", 9, "")
    assert (page.targets, page.last) == ((), None)
