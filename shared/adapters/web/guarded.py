"""The only way to an address that somebody gave us. It never leads into our own network.

A name is looked up once, every address it has must be public, and the connection goes to the very
address that was checked: a name that resolves differently in between changes nothing. Each hop is
checked anew. Whatever a server does, the fetch ends in time, and no address is ever logged.
"""

import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from socket import socket
from urllib.parse import quote, urljoin

from shared.adapters.web.http import (
    Deadline,
    Lookups,
    NoAnswer,
    TooSlow,
    UnknownHost,
    WebAnswer,
    connect,
    get,
    secured,
    system_addresses,
)
from shared.adapters.web.reading import bytes_to_read, with_answer
from shared.domain.findings.fetch_result import MOST_HOPS, FetchResult, WebFault
from shared.domain.findings.hidden_characters import hidden_in_address
from shared.domain.links.addresses import why_forbidden
from shared.domain.links.hosts import Address, BadAddress, read_address
from shared.settings import Settings, SettingsError

MOST_ADDRESSES = 3
"""How many of a host's addresses are tried."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAFE = "/?:@!$&'()*+,;=-._~%[]"

Connect = Callable[[str, int, float], socket]


class _FetchEnd(Exception):
    """Signal that the fetch ends here, with its fault."""

    def __init__(self, fault: WebFault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Place:
    """Address and port to connect to."""

    address: str
    port: int


@dataclass
class GuardedWeb:
    """``Web`` over the network. With ``local_hosts``, those are all there are, and no network."""

    resolve: Callable[[str], Sequence[str]] = system_addresses
    connect: Connect = connect
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context
    clock: Callable[[], float] = time.monotonic
    local_hosts: Mapping[str, Place] | None = None
    _lookups: Lookups = field(init=False)

    def __post_init__(self) -> None:
        self._lookups = Lookups(self.resolve)

    def look(self, url: str, *, seconds: float, asker: str = "") -> FetchResult:
        """Fetch the address and follow redirects, in ``seconds`` at most. Faults are in the result;
        nothing is raised.

        Names are looked up in the share of ``asker``.
        """
        deadline = Deadline.after(seconds, self.clock)
        result = FetchResult(url)
        try:
            for _ in range(MOST_HOPS + 1):
                address = _readable(result.url)
                answer = self._get(address, deadline, asker)
                if answer.status not in _REDIRECTS or not answer.headers.get("location"):
                    return with_answer(result, answer)
                url = _next(result.url, answer.headers["location"])
                result = replace(result, url=url, hops=(*result.hops, result.url))
                if url in result.hops:
                    break
                if read_address(url).scheme == "http":
                    return replace(result, fault=WebFault.REDIRECT_TO_HTTP)
        except _FetchEnd as stopped:
            return replace(result, fault=stopped.fault)
        except TooSlow:
            return replace(result, fault=WebFault.TOO_SLOW)
        except NoAnswer:
            return replace(result, fault=WebFault.BAD_ANSWER)
        return replace(result, fault=WebFault.TOO_MANY_REDIRECTS)

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        context = self.trust()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _get(self, address: Address, deadline: Deadline, asker: str) -> WebAnswer:
        host = address.ascii.removesuffix(".").strip("[]")
        try:
            with (
                self._connected(self._places(address, host, deadline, asker), deadline) as plain,
                secured(plain, host, self._trusted, deadline) as connection,
            ):
                return get(connection, _head(address), deadline, bytes_to_read)
        except ssl.SSLCertVerificationError:
            raise _FetchEnd(WebFault.BAD_CERTIFICATE) from None
        except TimeoutError:
            raise TooSlow from None
        except OSError:
            raise _FetchEnd(WebFault.UNREACHABLE) from None

    def _connected(self, places: Sequence[Place], deadline: Deadline) -> socket:
        """Connect to the first that answers; a dead one must not use up the time of the others."""
        for others in range(len(places) - 1, 0, -1):
            place = places[-others - 1]
            with suppress(OSError):
                return self.connect(
                    place.address, place.port, deadline.seconds_left() / (others + 1)
                )
        return self.connect(places[-1].address, places[-1].port, deadline.seconds_left())

    def _places(
        self, address: Address, host: str, deadline: Deadline, asker: str
    ) -> Sequence[Place]:
        """Check every address of the host; if any may not be reached, none is connected to."""
        if self.local_hosts is not None:
            if host not in self.local_hosts:
                raise _FetchEnd(WebFault.NOT_LOOKED_AT)
            return [self.local_hosts[host]]
        if address.port not in (None, 443):
            raise _FetchEnd(WebFault.NOT_LOOKED_AT)
        addresses = [host] if address.ip is not None else self._addresses(host, deadline, asker)
        if any(why_forbidden(each) for each in addresses):
            raise _FetchEnd(WebFault.FORBIDDEN_ADDRESS)
        return [Place(each, 443) for each in addresses[:MOST_ADDRESSES]]

    def _addresses(self, host: str, deadline: Deadline, asker: str) -> Sequence[str]:
        try:
            return self._lookups.addresses(host, deadline, asker)
        except UnknownHost:
            raise _FetchEnd(WebFault.UNKNOWN_HOST) from None
        except OSError:
            raise _FetchEnd(WebFault.UNREACHABLE) from None


def web(settings: Settings) -> GuardedWeb:
    """Create the guarded web; a demo project sees only the sites emulated on this machine."""
    if not settings.local:
        return GuardedWeb()
    if settings.local_web is None:
        return GuardedWeb(local_hosts={})
    return _local_web(Path(settings.local_web))


def _local_web(path: Path) -> GuardedWeb:
    try:
        document = json.loads(path.read_text())
        places = {host: _place(where) for host, where in document["hosts"].items()}
        ca_file = str(document["caFile"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise SettingsError(
            f'FANFARE_LOCAL_WEB: must name a file with {{"hosts": {{…}}, "caFile": …}}: {fault}'
        ) from None
    return GuardedWeb(local_hosts=places, trust=lambda: ssl.create_default_context(cafile=ca_file))


def _place(where: str) -> Place:
    host, _, port = where.rpartition(":")
    if host != "127.0.0.1":
        raise ValueError(f"{where} is not on this machine")
    return Place(host, int(port))


def _readable(url: str) -> Address:
    """Read an address that all readers take for the same one."""
    try:
        address = read_address(url)
    except BadAddress:
        raise _FetchEnd(WebFault.NOT_LOOKED_AT) from None
    if address.scheme != "https" or "\\" in url or hidden_in_address(url):
        raise _FetchEnd(WebFault.NOT_LOOKED_AT)
    return address


def _next(url: str, location: str) -> str:
    try:
        there = urljoin(url, location.strip())
        read = read_address(there)
    except ValueError:
        raise _FetchEnd(WebFault.BAD_REDIRECT) from None
    if not read.is_web or "\\" in there or hidden_in_address(there):
        raise _FetchEnd(WebFault.BAD_REDIRECT)
    return there


def _head(address: Address) -> bytes:
    """Write the request's head: no cookies, no credentials, nothing about us but a name."""
    path = quote(address.path.partition("#")[0], safe=_SAFE)
    port = f":{address.port}" if address.port not in (None, 443) else ""
    lines = (
        f"GET {path if path.startswith('/') else '/' + path} HTTP/1.1",
        f"Host: {address.ascii}{port}",
        "User-Agent: fanfare-link-check",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")
