"""An address taken apart as a browser would, strictly: what two readers could read in two ways is
refused with the reason.

The parts come in what machines use (``ascii``) and in what people are shown (``host``).
"""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import unquote

import idna

from shared.domain.links.addresses import Ip
from shared.domain.links.schemes import SCHEME_SYNTAX

MOST_HOST_CHARACTERS = 253
_MOST_RAW_HOST = 1024
_SCHEME = re.compile(rf"({SCHEME_SYNTAX.pattern}):")
_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$")
_NUMBER = re.compile(r"^(0x[0-9a-f]*|[0-9]+)$")
_PUNYCODE = "xn--"


class BadAddress(ValueError):
    """Says in words for a person why an address cannot be read."""


@dataclass(frozen=True, slots=True)
class Address:
    """``written`` is the host letter by letter as it stands in the URL."""

    scheme: str
    written: str
    host: str
    ascii: str
    path: str
    port: int | None = None
    ip: Ip | None = None
    credentials: bool = False
    trailing_dot: bool = False
    encoded: bool = False
    """The host was percent-encoded."""
    foreign_letters: bool = False
    """The host is written with other letters than a-z."""

    @property
    def is_web(self) -> bool:
        """True where a browser would open the address."""
        return self.scheme in ("http", "https")

    @property
    def punycode(self) -> bool:
        """True where the host is written in the form for machines."""
        return self.host != self.ascii and not self.foreign_letters

    @property
    def disguised(self) -> bool:
        """True where the host is a number that does not look like one."""
        return self.ip is not None and self.written.strip("[]").lower() != str(self.ip)


def scheme_of(url: str) -> str:
    """Return the scheme of an address in lower case; empty without one."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""


def read_address(url: str) -> Address:
    """Read an address into its parts; raise ``BadAddress`` for what is none."""
    scheme = scheme_of(url)
    if scheme not in ("http", "https"):
        return Address(scheme, "", "", "", url[len(scheme) + 1 :])
    rest = url[len(scheme) + 1 :]
    if not rest.startswith("//") or rest.startswith("///"):
        raise BadAddress("two slashes and a host must follow the scheme")
    authority, path = _cut(rest[2:])
    _, at, place = authority.rpartition("@")
    written, port = _host_and_port(place)
    host, ascii_host, ip, dot = _read_host(written)
    return Address(
        scheme=scheme,
        written=written,
        host=host,
        ascii=ascii_host,
        path=path,
        port=port,
        ip=ip,
        credentials=bool(at),
        trailing_dot=dot,
        encoded="%" in written,
        foreign_letters=not unquote(written).isascii(),
    )


def host_of(url: str) -> str:
    """Tell the host of an address as people are shown it, and if it has none, something to say in
    its place.
    """
    try:
        return read_address(url).host or "the address"
    except BadAddress:
        return "the address"


def machine_host_of(url: str) -> str:
    """Tell the host of an address as machines write it; empty if it has none."""
    try:
        return read_address(url).ascii.removesuffix(".")
    except BadAddress:
        return ""


def machine_name(host: str) -> str:
    """Return the host as machines write it; raise ``BadAddress`` for what is no host."""
    return _read_host(host)[1]


def host_name(name: str) -> tuple[str, str]:
    """Return a host as people are shown it, and as machines write it, without the last dot.

    Raises ``BadAddress`` for what is no name, such as a number.
    """
    if len(name) > _MOST_RAW_HOST:
        raise BadAddress("the host is missing or too long")
    bare = _mapped(name).removesuffix(".")
    if _is_number(bare):
        raise BadAddress("the host is a number, no name")
    return _named(bare)


def _cut(rest: str) -> tuple[str, str]:
    end = re.search(r"[/?#\\]", rest)
    return (rest[: end.start()], rest[end.start() :]) if end else (rest, "")


def _host_and_port(place: str) -> tuple[str, int | None]:
    if place.startswith("["):
        host, bracket, rest = place.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise BadAddress("the brackets around the host are not closed")
        return host + bracket, _port(rest[1:])
    host, _, port = place.partition(":")
    return host, _port(port)


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise BadAddress("the port is not a number from 1 to 65535")
    return int(text)


def _read_host(written: str) -> tuple[str, str, Ip | None, bool]:
    if written.startswith("["):
        ipv6 = _ipv6(written[1:-1])
        return f"[{ipv6}]", f"[{ipv6}]", ipv6, False
    if not written or len(written) > _MOST_RAW_HOST:
        raise BadAddress("the host is missing or too long")
    mapped = _mapped(_decoded(written))
    bare = mapped.removesuffix(".")
    if _is_number(bare):
        ip = _ipv4(bare)
        return str(ip), str(ip), ip, mapped != bare
    return *_named(bare), None, mapped != bare


def _named(bare: str) -> tuple[str, str]:
    labels = [_label(each) for each in bare.split(".")]
    ascii_host = ".".join(a for a, _ in labels)
    if len(ascii_host) > MOST_HOST_CHARACTERS:
        raise BadAddress("the host is longer than 253 characters")
    return ".".join(u for _, u in labels), ascii_host


def _decoded(host: str) -> str:
    try:
        return unquote(host, errors="strict")
    except UnicodeDecodeError:
        raise BadAddress("the host is percent-encoded and no text") from None


def _mapped(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        return idna.uts46_remap(host, std3_rules=False, transitional=False).lower()
    except (idna.IDNAError, ValueError, IndexError):
        raise BadAddress("the host holds characters that no host may have") from None


def _label(label: str) -> tuple[str, str]:
    """Return a label in its two forms: for machines, and as it is shown to people."""
    if not label:
        raise BadAddress("the host has an empty part")
    try:
        if not label.isascii():
            return idna.alabel(label).decode(), unicodedata.normalize("NFC", label)
        if label.startswith(_PUNYCODE):
            return label, idna.ulabel(label)
    except (idna.IDNAError, UnicodeError, ValueError, IndexError, OverflowError):
        raise BadAddress("a part of the host is not a proper international name") from None
    if not _LABEL.match(label):
        raise BadAddress("the host holds characters that no host may have")
    return label, label


def _is_number(host: str) -> bool:
    return bool(_NUMBER.match(host.rpartition(".")[2]))


def _ipv4(host: str) -> IPv4Address:
    """Decimal, octal or hexadecimal, in one to four parts: all that C's inet_aton took."""
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.match, parts)):
        raise BadAddress("the host is a number that is no network address")
    try:
        *firsts, last = (_whole(part) for part in parts)
    except ValueError:
        raise BadAddress("the host is a number that is no network address") from None
    if any(n > 255 for n in firsts) or last >= 256 ** (5 - len(parts)):
        raise BadAddress("the host is a number that is no network address")
    total = last + sum(n << (8 * (3 - place)) for place, n in enumerate(firsts))
    return IPv4Address(total)


def _whole(part: str) -> int:
    if len(part) > 16:
        raise ValueError(part)
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") else int(part)


def _ipv6(text: str) -> IPv6Address:
    try:
        ip = IPv6Address(text)
    except ValueError:
        raise BadAddress("the host in brackets is no network address") from None
    if ip.scope_id is not None:
        raise BadAddress("the host in brackets is an address within one link")
    return ip
