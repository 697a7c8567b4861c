"""``usage/{provider}.{kind}.{window}``, each gone some time after its window, and for turns
``usage/{provider}.{kind}``.

The taker of a place in a limit's window is written down by name, so that a request that is
repeated, or a commit whose answer was lost, takes its place once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.providers.places import (
    Lease,
    Leases,
    Taker,
    Takers,
    Turn,
    begin,
    ended,
    with_place,
    without,
)
from shared.ports.database import Database, Document
from shared.stores.change import Step, change
from shared.stores.codec import Fields, Reader, present
from shared.stores.names import document_name
from shared.stores.write_coalescer import WriteCoalescer

USAGE = "usage"


class Usage:
    """Places in windows of time, and turns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._windows = WriteCoalescer(self._write)
        self._turns = WriteCoalescer(self._write_turns)

    def take(
        self,
        provider_id: str,
        kind: str,
        window_key: str,
        limit: int,
        expire_at: datetime,
        *,
        taker: Taker,
    ) -> bool:
        """Take one of ``limit`` places; tell whether ``taker`` holds one now, or did before.

        One conditional write: however many ask at once, no more than ``limit`` places are taken.
        """
        return self.take_all(provider_id, kind, window_key, limit, expire_at, takers=(taker,))

    def take_all(
        self,
        provider_id: str,
        kind: str,
        window_key: str,
        limit: int,
        expire_at: datetime,
        *,
        takers: Takers,
    ) -> bool:
        """Take a place for each of the takers, or none where one would be too many; tell whether
        all hold one now.
        """
        name = _window(provider_id, kind, window_key)
        return self._windows.change(name, _Taking(takers, limit, expire_at))

    def places(self, provider_id: str, kind: str, window_key: str) -> Sequence[str]:
        """List the places that are taken now, each once."""
        takers = _takers(self._database.get(_window(provider_id, kind, window_key)))
        return list(dict.fromkeys(each.place for each in takers))

    def give_back(self, provider_id: str, kind: str, window_key: str, *, taker: Taker) -> None:
        """End the hold of ``taker`` on its place, which is free if no other taker holds it."""
        self._windows.change(_window(provider_id, kind, window_key), _GivingBack((taker,)))

    def begin(
        self, provider_id: str, kind: str, limit: int, now: datetime, until: datetime, taker: Taker
    ) -> Turn:
        """Take a turn that ends at ``until`` by itself; at most ``limit`` of a provider at a time,
        and one at a place. One conditional write.
        """
        name = document_name(USAGE, f"{provider_id}.{kind}")
        return self._turns.change(name, _Beginning(Lease(taker, until), limit, now))

    def end(self, provider_id: str, kind: str, *, taker: Taker) -> None:
        """End the turn, whether or not it was taken."""
        self._turns.change(document_name(USAGE, f"{provider_id}.{kind}"), _Ending(taker))

    def _write(self, name: str, changes: Sequence["_Taking | _GivingBack"]) -> Sequence[bool]:
        """Make the changes; return after each, whether its taker has a place."""
        ends = [each.expire_at for each in changes if isinstance(each, _Taking)]

        def decide(document: Document | None) -> Step[list[bool]]:
            before = takers = _takers(document)
            placed = []
            for each in changes:
                takers = each.among(takers)
                placed.append(set(each.takers) <= set(takers))
            after = usage_fields(takers, max(ends, default=None))
            return Step(placed, {} if takers == before else present(after))

        return change(self._database, name, decide, "the usage of a limit")

    def _write_turns(self, name: str, changes: Sequence["_Beginning | _Ending"]) -> Sequence[Turn]:
        """Make the changes; return after each, whose turn it is."""

        def decide(document: Document | None) -> Step[list[Turn]]:
            before = leases = leases_from(document.id, document.fields) if document else ()
            turns = []
            for each in changes:
                leases, turn = each.among(leases)
                turns.append(turn)
            after = lease_fields(leases, max((it.until for it in leases), default=None))
            return Step(turns, {} if leases == before else present(after))

        return change(self._database, name, decide, "the turns")


def _window(provider_id: str, kind: str, window_key: str) -> str:
    return document_name(USAGE, f"{provider_id}.{kind}.{window_key}")


def _takers(document: Document | None) -> Takers:
    return takers_from(document.id, document.fields) if document else ()


@dataclass(frozen=True, slots=True)
class _Taking:
    """The taking of a place for each taker that has none, if there are as many."""

    takers: Takers
    limit: int
    expire_at: datetime

    def among(self, takers: Takers) -> Takers:
        after = takers
        for each in self.takers:
            after = with_place(after, each, self.limit)
        return after if set(self.takers) <= set(after) else takers


@dataclass(frozen=True, slots=True)
class _GivingBack:
    """The return of places that their takers need no more."""

    takers: Takers

    def among(self, takers: Takers) -> Takers:
        for each in self.takers:
            takers = without(takers, each)
        return takers


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The taking of a turn, if there is one."""

    lease: Lease
    limit: int
    now: datetime

    def among(self, leases: Leases) -> tuple[Leases, Turn]:
        left, turn = begin(leases, self.lease, self.limit, self.now)
        return (left if turn is Turn.MINE else leases), turn


@dataclass(frozen=True, slots=True)
class _Ending:
    """The end of a taker's turn."""

    taker: Taker

    def among(self, leases: Leases) -> tuple[Leases, Turn]:
        return ended(leases, self.taker), Turn.MINE


def usage_fields(takers: Takers, expire_at: datetime | None) -> Fields:
    """Build the document of a limit's window: who took a place in it, until it may be removed."""
    return {"takers": [str(taker) for taker in takers], "expireAt": expire_at}


def takers_from(id: str, document: Mapping[str, Any]) -> Takers:
    """Read who took a place."""
    return tuple(map(Taker.read, Reader(USAGE, id, document).texts("takers")))


def lease_fields(leases: Leases, expire_at: datetime | None) -> Fields:
    """Build the document of turns that last: whose they are and until when."""
    turns = [{"taker": str(each.taker), "until": each.until} for each in leases]
    return {"leases": turns, "expireAt": expire_at}


def leases_from(id: str, document: Mapping[str, Any]) -> Leases:
    """Read whose turns there are."""
    return tuple(
        Lease(Taker.read(each.text("taker")), each.required_time("until"))
        for each in Reader(USAGE, id, document).maps("leases")
    )
