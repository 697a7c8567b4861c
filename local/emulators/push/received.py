"""The requests that a push service's emulator received: counts of all, details of the last ten
thousand.

Accepting the same notification twice for the same address is what the promise "nothing shown twice"
is about: harmless with a replace key, seen by a person without one.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import orjson

DETAILS_KEPT = 10_000
NO_ANSWER = 0
"""The status of a request that got no answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request for one address; each service adds fields of its own."""

    at: float
    token: str
    attempt: int
    status: int
    taken: bool
    notification: str
    replace_key: str

    @property
    def shows(self) -> str:
        """Text that is equal for requests that show the same."""
        return self.notification

    def as_json(self) -> dict[str, object]:
        """Convert the entry to what ``GET /received`` lists."""
        fields = asdict(self)
        return {"replaceKey": fields.pop("replace_key"), **fields}


@dataclass(frozen=True, slots=True)
class MessageEntry(Entry):
    """One message in JSON for one address of a project."""

    project: str
    message: Mapping[str, object]

    @property
    def shows(self) -> str:
        """Notification's id or, of a message that has none, its words."""
        return self.notification or str(hash(orjson.dumps(self.message.get("notification"))))


@dataclass(frozen=True, slots=True)
class RequestEntry(MessageEntry):
    """One address of the request with this number, which was for many."""

    request: int


class RequestLog:
    """Counts of all requests, details of the last ``DETAILS_KEPT``."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Reset all counts, and drop the details."""
        self._entries: deque[Entry] = deque(maxlen=DETAILS_KEPT)
        self._attempts: Counter[str] = Counter()
        self._accepts: Counter[tuple[str, str, bool]] = Counter()
        self._statuses: Counter[int] = Counter()
        self._accepted = 0

    def attempt(self, token: str) -> int:
        """Count one more request for ``token``; returns which one it is."""
        self._attempts[token] += 1
        return self._attempts[token]

    def count_refused(self, status: int) -> None:
        """Count a request that was refused before its address was read."""
        self._statuses[status] += 1

    def add(self, entry: Entry) -> None:
        """Keep it."""
        self._entries.append(entry)
        self._statuses[entry.status] += 1
        if entry.taken:
            self._accepted += 1
            self._accepts[entry.token, entry.shows, bool(entry.replace_key)] += 1

    def entries(self, limit: int, token: str, notification: str) -> list[dict[str, object]]:
        """Return the newest matching entries, oldest of them first."""
        found = [e.as_json() for e in self._matching(token, notification)]
        return found[-limit:]

    def _matching(self, token: str, notification: str) -> Iterator[Entry]:
        for entry in self._entries:
            if token in ("", entry.token) and notification in ("", entry.notification):
                yield entry

    def summary(self) -> dict[str, object]:
        """Return totals, and every address that took the same notification more than once."""
        again = {key: n for key, n in self._accepts.items() if n > 1}
        return {
            "total": self._statuses.total(),
            "accepted": self._accepted,
            "statuses": {str(status): n for status, n in sorted(self._statuses.items())},
            "tokens": len(self._attempts),
            "acceptedTokens": len({token for token, _, _ in self._accepts}),
            "acceptedAgain": {
                "withReplaceKey": {k[0]: n for k, n in again.items() if k[2]},
                "withoutReplaceKey": {k[0]: n for k, n in again.items() if not k[2]},
            },
        }


class BatchRequestLog(RequestLog):
    """Addresses, with a count of requests: for a service that takes many addresses in one."""

    def forget(self) -> None:
        """Reset all counts."""
        super().forget()
        self._requests = 0

    def request(self) -> int:
        """Count one more; returns which one it is."""
        self._requests += 1
        return self._requests

    def summary(self) -> dict[str, object]:
        """Return the number of requests, and the sums over addresses."""
        return {"requests": self._requests, **super().summary()}
