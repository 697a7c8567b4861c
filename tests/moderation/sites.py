"""A hostile web on this machine: every name resolves as a test says, every address leads to a
emulator, and what was really connected to is written down.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from local.emulators.web.server import HOSTS, ServedSites
from shared.adapters.web.guarded import GuardedWeb
from shared.adapters.web.http import UnknownHost, connect
from shared.domain.findings.fetch_result import FetchResult

PUBLIC = "93.184.215.14"
HOSTILE = "https://hostile.example"
AMPLE_SECONDS = 30.0


@dataclass
class Net:
    """Addresses as a test says; all of them are the emulator, or ``at`` another port."""

    sites: ServedSites
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    at: Mapping[str, int] = field(default_factory=dict)
    connected: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    resolver: Callable[[str], Sequence[str]] | None = None

    def resolve(self, host: str) -> Sequence[str]:
        self.looked_up.append(host)
        if self.resolver:
            return self.resolver(host)
        if host not in self.names and host not in HOSTS:
            raise UnknownHost(host)
        return self.names.get(host, [PUBLIC])

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.connected.append(address)
        return connect("127.0.0.1", self.at.get(address, self.sites.port), seconds)

    def web(self, clock: Callable[[], float] = time.monotonic) -> GuardedWeb:
        """Create the guarded fetcher on this net."""
        pem = self.sites.ca.pem.decode()
        return GuardedWeb(
            resolve=self.resolve,
            connect=self.connect,
            trust=lambda: ssl.create_default_context(cadata=pem),
            clock=clock,
        )

    def look(self, path: str, *, seconds: float = AMPLE_SECONDS) -> FetchResult:
        """Fetch a path of the hostile host."""
        return self.web().look(HOSTILE + path, seconds=seconds)

    @property
    def received(self) -> list[tuple[str, str]]:
        """Every request that arrived."""
        return self.sites.sites.received


@contextmanager
def a_net() -> Iterator[Net]:
    """Start a net with its sites up."""
    with ServedSites() as sites:
        yield Net(sites)
