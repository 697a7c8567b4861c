"""The requests that the APNs emulator received, and the number of their connections.

``early`` counts requests that came beside another on a connection whose token had not yet proved
good: the real service allows one until then.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from local.emulators.push.received import Entry, RequestLog


@dataclass(frozen=True, slots=True)
class StreamEntry(Entry):
    """One request, on a stream of its own."""

    environment: str
    connection: int
    stream: int
    reason: str
    headers: Mapping[str, str]
    payload: object


class ApnsReceived(RequestLog):
    """Requests, with counts of connections and early requests."""

    def forget(self) -> None:
        """Reset all counts."""
        super().forget()
        self.connections = 0
        self.early = 0

    def summary(self) -> dict[str, object]:
        """Return the sums over device tokens, and those over connections."""
        return {**super().summary(), "connections": self.connections, "early": self.early}
