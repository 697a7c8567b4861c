"""What ``make bench`` leaves behind: a figure that was not measured is never there."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import MEANINGS, keep
from benchmarks.memory import SyntheticAudience
from benchmarks.shards import SHARDS, ShardedAudience
from shared.domain.device import PARTITIONS
from shared.domain.targeting import AudienceQuery, PartitionRange, partition_ranges

EVERYBODY = AudienceQuery(0, ("everybody",), frozenset(), None, None, None, None)


def told(out: Path) -> dict[str, object]:
    return dict(json.loads(out.read_text()))


def test_one_suite_leaves_the_figures_of_the_others(tmp_path: Path) -> None:
    out = tmp_path / "there" / "bench.json"
    keep({"a": 1.0, "b": 2.0}, whole=True, out=out)
    keep({"b": 3.0}, whole=False, out=out)
    figures = told(out)
    assert (figures["a"], figures["b"]) == (1.0, 3.0)
    assert {"machine", "date"} <= figures.keys()


def test_a_whole_run_forgets_what_it_did_not_measure(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    keep({"a": 1.0}, whole=True, out=out)
    keep({"b": 2.0}, whole=True, out=out)
    assert "a" not in told(out)


def test_every_key_of_the_table_is_a_word() -> None:
    assert all(key.isidentifier() for key in MEANINGS)


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


def test_a_sharded_audience_counts_all_and_reads_each_part_from_its_own_shard() -> None:
    audience = ShardedAudience([SyntheticAudience(1000 + shard) for shard in range(SHARDS)])
    assert audience.count(EVERYBODY).devices == sum(range(1000, 1000 + SHARDS))
    width = PARTITIONS // SHARDS
    for shard in range(SHARDS):
        part = PartitionRange(shard * width, (shard + 1) * width)
        whole = SyntheticAudience(1000 + shard).page(EVERYBODY, part, "", 2_000, "")
        assert audience.page(EVERYBODY, part, "", 2_000, "") == whole


def test_a_part_that_needs_two_shards_is_refused_and_not_read_in_half() -> None:
    audience = ShardedAudience([SyntheticAudience(10)] * SHARDS)
    with pytest.raises(ValueError, match="fewer shards"):
        audience.page(EVERYBODY, PartitionRange(0, PARTITIONS), "", 9, "")
