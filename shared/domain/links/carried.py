"""Addresses inside an address that opens an app: a link is judged by all of them.

``intent:``, ``microsoft-edge:`` and the like hand an address on, and so does any app that takes one
as a parameter. They are looked for where apps and browsers look: after the scheme, in parameters,
in Android's intents, percent-encoded however often, and inside one another. What a web address
carries in its query is not looked for: who goes there is led on, and we go there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from shared.domain.links.hosts import scheme_of
from shared.domain.links.schemes import SCHEME_SYNTAX, WEB, Use, look_up, web_within

MOST_CARRIED = 5
MOST_LAYERS = 4

_WEB_ADDRESS = re.compile(r"https?:[/\\]", re.IGNORECASE)
_BEGIN_OF_WEB = re.compile(r"(https?):[/\\]*", re.IGNORECASE)
_END_OF_WEB = re.compile(r"[\s\"<>]")
_END_IN_TEXT = re.compile(r"%(?:0[9ad]|2[02]|3[ce])", re.IGNORECASE)
_BETWEEN_PARAMETERS = re.compile(r"[?&;#|]")
_UNREAD_BY_BROWSERS = re.compile(r"[\t\n\r]")
_EDGES = "".join(map(chr, range(0x21)))
_SLASHES = "/\\"
_INTENT = re.compile(r"#intent;", re.IGNORECASE)
_NAMES_OF_LINKS = frozenset({"url", "uri", "u", "link", "href", "target", "browser_fallback_url"})
_HOST = re.compile(r"[^\s/\\?#=&]+\.[^\s/\\?#=&]+")
_COMMAND = re.compile(r"(?!localhost)[a-z][a-z0-9_-]*(?=[/?#]|$)", re.IGNORECASE)
_ORDINARY_ACTIONS = ("android.intent.action.view", "android.intent.action.main")


@dataclass(frozen=True, slots=True)
class CarriedAddresses:
    """The addresses that an address carries, the outermost first. ``whole`` is false where there
    are more of them than anybody can judge.
    """

    addresses: tuple[str, ...] = ()
    whole: bool = True


def carried_addresses(url: str) -> CarriedAddresses:
    """Find every address that ``url`` carries, directly or inside another one."""
    addresses: dict[str, None] = {}
    layer = [url]
    for _ in range(MOST_LAYERS + 1):
        inner = (each for outer in layer for each in _inside(outer))
        layer = [each for each in dict.fromkeys(inner) if each not in addresses]
        if not layer:
            return CarriedAddresses(tuple(addresses))
        addresses.update(dict.fromkeys(layer))
        if len(addresses) > MOST_CARRIED:
            break
    return CarriedAddresses(tuple(addresses)[:MOST_CARRIED], whole=False)


def web_addresses(url: str) -> tuple[str, ...]:
    """List where a link leads on the web: itself, or what it carries."""
    return tuple(
        each for each in (url, *carried_addresses(url).addresses) if scheme_of(each) in WEB
    )


def unusual_intent(url: str) -> str:
    """Say what an Android intent asks for besides showing an address; empty for a plain link."""
    for name, value in _intent_parameters(url):
        if name in ("component", "sel"):
            return "names the part of an app that is to be started"
        if name == "action" and unquote(value).lower() not in _ORDINARY_ACTIONS:
            return f"asks an app for {unquote(value)}"
    return ""


def _inside(url: str) -> list[str]:
    """Find the addresses right inside one."""
    scheme = scheme_of(url)
    if not scheme or scheme in WEB:
        return []
    body = _INTENT.split(url[len(scheme) + 1 :])[0]
    direct = _at_start(body.lstrip(_SLASHES))
    candidates = [*_targets(scheme, body, url), *direct]
    if not direct:
        for parameter in _BETWEEN_PARAMETERS.split(body):
            candidates += _in_parameter(*_named(parameter))
    for name, value in _intent_parameters(url):
        candidates += _in_parameter(name, value)
    if not direct and _is_browser(scheme):
        candidates += _host_alone(body.lstrip(_SLASHES))
    return list(dict.fromkeys(candidates))


def _is_browser(scheme: str) -> bool:
    judged = look_up(scheme)
    carries = judged is not None and judged.use is Use.CARRIER
    return carries and scheme not in ("intent", "android-app") and not web_within(scheme)


def _targets(scheme: str, body: str, url: str) -> Iterator[str]:
    """Put addresses together whose scheme stands in another place than the rest."""
    if web := web_within(scheme):
        yield _address(f"{web}:{body}")
    if scheme == "android-app":
        _package, _, rest = body.lstrip(_SLASHES).partition("/")
        inner, _, place = rest.partition("/")
        if SCHEME_SYNTAX.fullmatch(inner):
            yield _address(f"{inner.lower()}://{place}")
    for name, value in _intent_parameters(url):
        inner = _decoded(value)
        if name == "scheme" and SCHEME_SYNTAX.fullmatch(inner):
            yield _address(f"{inner.lower()}:{body}")


def _intent_parameters(url: str) -> Iterator[tuple[str, str]]:
    for intent in _INTENT.split(url)[1:]:
        for parameter in intent.split(";"):
            name, _, value = parameter.partition("=")
            yield name.strip().lower(), value


def _named(parameter: str) -> tuple[str, str]:
    name, equals, value = parameter.partition("=")
    return (_decoded(name).lower(), value) if equals else ("", parameter)


def _in_parameter(name: str, value: str) -> list[str]:
    """Find what a parameter carries; the name of one for links tells that a host is a link."""
    if addresses := _in_text(value):
        return addresses
    text = _decoded(value)
    place = text.lstrip(_SLASHES)
    is_link = name.removeprefix("s.") in _NAMES_OF_LINKS or (name and len(text) - len(place) >= 2)
    return [_address(f"https://{place}")] if is_link and _HOST.match(place) else []


def _host_alone(text: str) -> list[str]:
    """Take what a browser is given without a scheme for a place on the web; a word without a dot is
    a command.
    """
    if not text or text[0] in "?#" or _COMMAND.match(text):
        return []
    return [_address(f"https://{text}")]


def _at_start(text: str) -> list[str]:
    """Find the address that a text is, decoding it as often as there is something to decode."""
    for reading in _readings(text):
        scheme = scheme_of(reading)
        judged = look_up(scheme)
        if scheme in WEB or (judged and judged.use is not Use.FOREIGN):
            return [_address(reading)]
    return []


def _in_text(text: str) -> list[str]:
    """Find the address that a text is, or those of the web that stand anywhere in it."""
    if address := _at_start(text):
        return address
    for reading in _readings(text):
        if begins := [each.start() for each in _WEB_ADDRESS.finditer(reading)]:
            return [_address(_END_IN_TEXT.split(reading[at:], maxsplit=1)[0]) for at in begins]
    return []


def _readings(text: str) -> Iterator[str]:
    """Read a text as it is, and decoded once, twice … until nothing is left to decode."""
    while True:
        yield _as_read(text)
        decoded = unquote(text)
        if decoded == text:
            return
        text = decoded


def _as_read(text: str) -> str:
    """Leave out what browsers leave out of an address."""
    return _UNREAD_BY_BROWSERS.sub("", text.strip(_EDGES))


def _decoded(text: str) -> str:
    *_, last = _readings(text)
    return last


def _address(text: str) -> str:
    """Write an address of the web as browsers take it; any other as it is."""
    if scheme_of(text) not in WEB:
        return text
    whole = _BEGIN_OF_WEB.sub(lambda begin: f"{begin[1].lower()}://", text, count=1)
    return _END_OF_WEB.split(whole, maxsplit=1)[0]
