"""The push services of each app, and what a process remembers of how they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.domain.audience.device import AddressKind, AppId, AppService
    from shared.domain.delivery.evidence import Evidence, Group
    from shared.domain.delivery.ledger import BatchId
    from shared.domain.delivery.run import RunId
    from shared.domain.push.answers import Answer
    from shared.domain.push.rendering import Push


class Sender(Protocol):
    """One app's access to one push service. One attempt is one request; nothing is retried below
    this port.

    A sender knows bytes and addresses only: what a device shows was rendered before.
    """

    def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
        """Return an answer for each push, in order. Never raises for what a service answers.

        No request is begun after ``within_seconds``; an address whose turn did not come by then, or
        that the whole app is asked to wait for, is answered by ``RetryLater``.
        """


class Senders(Protocol):
    """Senders of all apps. What breaks one of them, or has it wait, leaves the others alone."""

    def of(self, app: AppId, kind: AddressKind) -> Sender | None:
        """Return the sender with the app's own credentials for a push service; ``None`` where the
        app has none. Never raises: a sender that cannot be had answers for its own addresses.
        """


@dataclass(frozen=True, slots=True)
class Attempts:
    """Devices to be tried, counted: for the first time, and again."""

    first: int = 0
    again: int = 0


class Retries(Protocol):
    """Budget of retries among what this process sends, for each app at each push service."""

    def wait_seconds(
        self, attempts: Mapping[AppService, Attempts], others: int, now: datetime
    ) -> float:
        """Count the attempts and return 0 when they may be made now; else return the seconds to
        wait.

        ``others`` would have to wait with them: devices of the batch that are not pushed to.
        """

    def give_back(self, attempts: Mapping[AppService, Attempts], granted_at: datetime) -> None:
        """Undo the count of attempts that were not made."""


class RunMemory(Protocol):
    """Evidence this process has of a notification's addresses, from whichever of its batches.

    The memory makes what one batch learnt known to the others, and holds what the ledger told of
    batches sent elsewhere. Nothing rests on it: a process that starts anew asks again.
    """

    def note(self, id: RunId, batch: BatchId, by_group: Mapping[Group, Evidence]) -> None:
        """Store what a batch has heard so far; replaces what the batch told before."""

    def recall(self, id: RunId, by_batch: Mapping[BatchId, Mapping[Group, Evidence]]) -> None:
        """Store what the ledger kept of each batch, unless more of the batch is known here."""

    def silent(self, id: RunId) -> Set[BatchId]:
        """Return the batches of which the ledger kept nothing yet when it was asked last."""

    def may_ask(self, id: RunId, now: datetime) -> bool:
        """Tell whether to ask the ledger for what other processes heard; true at intervals."""

    def evidence(self, id: RunId, group: Group) -> Evidence:
        """Return the evidence of a group from all batches together."""

    def service_evidence(self, id: RunId, service: AppService) -> Evidence:
        """Return the evidence of all groups of one app at one push service: how many addresses were
        accepted, and how many are unknown.
        """

    def earlier(self, id: RunId, find: Callable[[], RunId | None]) -> RunId | None:
        """Return the earlier notification to compare with, and ``find`` it the first time."""
