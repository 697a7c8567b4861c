"""A large audience in several small databases, one for each range of partitions.

The Firestore emulator looks through the whole collection for every page, so that planning 100,000
devices takes it the better part of ten minutes. Here each range of partitions has a project of its
own in the same emulator. Requests, pages and answers are those of one database.
"""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.fixture import Fields, Services, seed
from shared.domain.device import PARTITIONS, partition_of
from shared.domain.targeting import AudienceQuery, PartitionRange
from shared.ports import Audience, AudiencePage, Counted

SHARDS = 8
"""As many as 100,000 devices have plan parts, so that no part needs two of them."""
VARIABLE = "BENCH_SHARDS"
"""Tells a worker that its audience is spread so."""


class ShardedAudience:
    """The audiences of all shards as one."""

    def __init__(self, shards: Sequence[Audience]) -> None:
        self._shards = shards

    def count(self, query: AudienceQuery) -> Counted:
        """All together, as of the last moment: the shards share the emulator's clock."""
        counted = [shard.count(query) for shard in self._shards]
        return Counted(sum(each.devices for each in counted), counted[-1].read_at)

    def page(
        self, query: AudienceQuery, partitions: PartitionRange, after: str, limit: int, read_at: str
    ) -> AudiencePage:
        """From the one shard that has the whole range."""
        shard = _shard(partitions.low)
        if shard != _shard(partitions.high - 1):
            raise ValueError("a plan part needs more than one shard: use fewer shards")
        return self._shards[shard].page(query, partitions, after, limit, read_at)


def named(project: str) -> list[str]:
    """The projects of all shards."""
    return [f"{project}-{shard}" for shard in range(SHARDS)]


def seed_shards(
    running: Services, project: str, devices: Iterator[tuple[str, Fields]]
) -> Mapping[str, str]:
    """Put each device into its shard; what a worker's environment needs besides."""
    by_shard: dict[int, list[tuple[str, Fields]]] = {shard: [] for shard in range(SHARDS)}
    for hwid, fields in devices:
        by_shard[_shard(partition_of(hwid))].append((hwid, fields))
    for shard, name in enumerate(named(project)):
        seed(running.of(name), iter(by_shard[shard]))
    return {VARIABLE: "yes"}


def _shard(partition: int) -> int:
    return partition * SHARDS // PARTITIONS
