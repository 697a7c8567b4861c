"""What the APNs stand-in received, and over how many connections.

``early`` counts requests that came beside another on a connection whose token had not yet proved
good: the real service allows one until then.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from local.emulators.push.received import Entry, Received


@dataclass(frozen=True, slots=True)
class StreamEntry(Entry):
    """One request, on a stream of its own."""

    environment: str
    connection: int
    stream: int
    reason: str
    headers: Mapping[str, str]
    payload: object


class ApnsReceived(Received):
    """Counts connections and early requests besides."""

    def forget(self) -> None:
        """As if nothing had come yet."""
        super().forget()
        self.connections = 0
        self.early = 0

    def summary(self) -> dict[str, object]:
        """The sums over device tokens, and those over connections."""
        return {**super().summary(), "connections": self.connections, "early": self.early}
