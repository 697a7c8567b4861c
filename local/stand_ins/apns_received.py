"""What the APNs stand-in received: counts of everything, details of the last ten thousand.

``early`` counts requests that came beside another on a connection whose token had not yet proved
good: the real service allows one until then.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass

DETAILS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One request for one device token."""

    at: float
    environment: str
    connection: int
    stream: int
    token: str
    attempt: int
    status: int
    reason: str
    taken: bool
    notification: str
    replace_key: str
    headers: Mapping[str, str]
    payload: object

    def shown(self) -> dict[str, object]:
        """As listed."""
        shown = asdict(self)
        return {"replaceKey": shown.pop("replace_key"), **shown}


class Received:
    """Counts for all, details for the last ``DETAILS_KEPT``."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=DETAILS_KEPT)
        self._attempts: Counter[str] = Counter()
        self._accepts: Counter[tuple[str, str, bool]] = Counter()
        self._statuses: Counter[int] = Counter()
        self._accepted = 0
        self.connections = 0
        self.early = 0

    def attempt(self, token: str) -> int:
        """Count one more request for ``token``; returns which one it is."""
        self._attempts[token] += 1
        return self._attempts[token]

    def add(self, entry: Entry) -> None:
        """Keep it."""
        self._entries.append(entry)
        self._statuses[entry.status] += 1
        if entry.taken:
            self._accepted += 1
            self._accepts[entry.token, entry.notification, bool(entry.replace_key)] += 1

    def entries(self, limit: int, token: str, notification: str) -> list[dict[str, object]]:
        """The newest that match, oldest of them first."""
        found = [
            entry.shown()
            for entry in self._entries
            if token in ("", entry.token) and notification in ("", entry.notification)
        ]
        return found[-limit:]

    def summary(self) -> dict[str, object]:
        """Totals, and every token that took the same notification more than once."""
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
            "connections": self.connections,
            "early": self.early,
        }
