"""A push service that says what it was told to say, and remembers what it took."""

import json
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from math import inf

from shared.domain.audience.device import PushAddress
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
)
from shared.domain.push.rendering import Payload, Push


def texts(payload: Payload) -> tuple[str | None, str | None]:
    """Read the title and the body that a device is to show."""
    said = json.loads(payload.body("") if payload.after else payload.before)
    shown = said["message"]["notification"] if "message" in said else said["aps"]["alert"]
    return shown.get("title"), shown.get("body")


def accepted(receipt: str = "receipt") -> Accepted:
    return Accepted(receipt)


def refused() -> Rejected:
    return Rejected("INVALID_ARGUMENT")


def address_gone(as_of: datetime | None = None) -> AddressGone:
    return AddressGone("UNREGISTERED", as_of)


def busy(retry_after_seconds: float | None = None) -> RetryLater:
    return RetryLater("UNAVAILABLE", retry_after_seconds)


def no_turn(seconds: float | None = None) -> RetryLater:
    """Answer that nothing was asked: the app is to be left alone for so long."""
    return RetryLater("noTurn", seconds, tried=False)


def lost() -> RetryLater:
    """Answer that the service took the message, and its answer did not arrive."""
    return RetryLater("TIMEOUT", ambiguous=True)


def misconfigured() -> Misconfigured:
    return Misconfigured("credentialsRefused")


class PushService:
    """Takes everything, except from addresses for which it was told other answers.

    Once it is ``fickle``, it may have refused what it took before a crash.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[Payload, PushAddress]] = []
        self.accepted_pushes: Counter[tuple[str, str]] = Counter()
        self.unconfirmed: Counter[tuple[str, str]] = Counter()
        self._answers: dict[str, deque[Answer]] = {}
        self._everyone: Answer | None = None
        self.fickle = False
        self.budgets: list[float] = []

    def will(self, address: str, *answers: Answer) -> None:
        """Give these answers for ``address``, one after the other; the last one from then on."""
        self._answers[address] = deque(answers)

    def will_all(self, answer: Answer | None) -> None:
        """Give this answer for every address, until told ``None``."""
        self._everyone = answer
        self.fickle = True

    def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
        self.budgets.append(within_seconds)
        return [self._one(payload, address) for address, payload in pushes]

    def reached(self, notification_id: object) -> dict[str, int]:
        """Count how often each address took this notification."""
        found = {
            to: times for (of, to), times in self.accepted_pushes.items() if of == notification_id
        }
        return {to: times for to, times in found.items() if times}

    def requests_to(self, address: str) -> int:
        """Count the requests for ``address``."""
        return sum(to.value == address for _, to in self.requests)

    def _one(self, payload: Payload, address: PushAddress) -> Answer:
        answer = self._everyone or self._next(address.value)
        if isinstance(answer, RetryLater) and not answer.tried:
            return answer
        self.requests.append((payload, address))
        unconfirmed = isinstance(answer, RetryLater) and answer.ambiguous
        self.accepted_pushes[payload.id, address.value] += unconfirmed or isinstance(
            answer, Accepted
        )
        self.unconfirmed[payload.id, address.value] += unconfirmed
        return answer

    def _next(self, address: str) -> Answer:
        answers = self._answers.get(address)
        if not answers:
            return Accepted(f"receipt-{len(self.requests)}")
        return answers.popleft() if len(answers) > 1 else answers[0]
