"""The findings that an address shows as it is written, before it is fetched.

An address that opens an app is judged by its scheme, and by every address that it carries.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache

from shared.domain.findings.brands import BRANDS, DISTINCTIVE, SHORTENERS, owner, under
from shared.domain.findings.finding import Finding, finding_of
from shared.domain.findings.hidden_characters import hidden_in_address
from shared.domain.findings.look_alikes import skeleton, squeezed
from shared.domain.findings.scripts import may_stand_together, scripts
from shared.domain.links.addresses import why_forbidden
from shared.domain.links.carried import carried_addresses, unusual_intent
from shared.domain.links.hosts import (
    Address,
    BadAddress,
    host_of,
    machine_name,
    read_address,
    scheme_of,
)
from shared.domain.links.schemes import WEB, Use, look_up

MOST_ORDINARY_CHARACTERS = 1000
_WEB_PORTS = (None, 443)
_FILE = re.compile(
    r"/([^/?#]*\.(?:apk|xapk|aab|ipa|mobileconfig|exe|msi|scr|com|bat|cmd|ps1|vbs|hta|jar|lnk|dmg"
    r"|pkg|iso|img|docm|xlsm))(?=[?#]|$)",
    re.IGNORECASE,
)
_INSIDE = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa")


def link_findings(
    url: str, field: str, verified_domains: Sequence[str], own_schemes: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Find everything worth knowing about an address, ``url`` or ``image`` by its field.

    ``own_schemes`` are those that the verified domains declare for the provider's apps.
    """
    return tuple(dict.fromkeys(_of_url(url, field, verified_domains, own_schemes)))


def hosts_of(domains: Sequence[str]) -> tuple[str, ...]:
    """Return domains as machines write them, without those that cannot be read."""
    names = []
    for domain in domains:
        try:
            names.append(machine_name(domain.strip().removesuffix(".")))
        except BadAddress:
            continue
    return tuple(names)


def is_verified(host: str, verified_domains: Sequence[str]) -> bool:
    """Tell whether a host, as machines write it, is under one of the domains."""
    return any(under(host, domain) for domain in hosts_of(verified_domains))


def _of_url(
    url: str, field: str, verified_domains: Sequence[str], own_schemes: Collection[str]
) -> Iterator[Finding]:
    if len(url) > MOST_ORDINARY_CHARACTERS:
        yield finding_of("longUrl", field, count=len(url))
    cargo = carried_addresses(url)
    for address in (url, *cargo.addresses):
        if hidden := hidden_in_address(address):
            which = ", ".join(f"U+{ord(c):04X}" for c in hidden[:3])
            yield finding_of("hiddenInUrl", field, which=which)
        if scheme_of(address) not in WEB:
            yield from _of_app(address, field, own_schemes)
            continue
        if address != url:
            yield finding_of("carriedAddress", field, host=host_of(address), scheme=scheme_of(url))
        yield from _of_web(address, field, verified_domains)
    if not cargo.whole:
        yield finding_of("tooManyAddresses", field)


def _of_app(url: str, field: str, own_schemes: Collection[str]) -> Iterator[Finding]:
    scheme = scheme_of(url)
    judged = look_up(scheme)
    if why := unusual_intent(url):
        yield finding_of("dangerousScheme", field, scheme=scheme, why=why)
    if not scheme:
        yield finding_of("malformedUrl", field, reason="it begins with no scheme")
    elif judged and judged.use in (Use.FORBIDDEN, Use.DANGEROUS):
        yield finding_of("dangerousScheme", field, scheme=scheme, why=judged.why)
    elif judged and judged.use is Use.SYSTEM:
        yield finding_of("systemScheme", field, scheme=scheme, why=judged.why)
    elif judged is None and scheme in own_schemes:
        yield finding_of("deepLink", field, scheme=scheme)
    elif not (judged and judged.use is Use.CARRIER and carried_addresses(url).addresses):
        yield finding_of("undeclaredScheme", field, scheme=scheme)


def _of_web(url: str, field: str, verified_domains: Sequence[str]) -> Iterator[Finding]:
    if _has_backslash(url):
        yield finding_of("backslash", field)
    try:
        address = read_address(url)
    except BadAddress as bad:
        yield finding_of("malformedUrl", field, reason=str(bad))
        return
    if address.scheme == "http":
        yield finding_of("notHttps", field, host=address.host)
    yield from _of_address(address, field)
    yield from _of_host(address, field, hosts_of(verified_domains))


def _has_backslash(url: str) -> bool:
    """Tell whether a backslash is where the host ends or begins; further on it does no harm."""
    return bool(re.match(r"[a-z]+:(//)?[^/?#]*\\", url, re.IGNORECASE))


def _of_address(address: Address, field: str) -> Iterator[Finding]:
    if address.credentials:
        yield finding_of("credentialsInUrl", field, host=address.host)
    if address.port not in _WEB_PORTS:
        yield finding_of("oddPort", field, port=address.port)
    if address.encoded:
        yield finding_of("encodedHost", field, host=address.host)
    if address.trailing_dot:
        yield finding_of("trailingDot", field)
    if file := _FILE.search(address.path):
        yield finding_of("download", field, name=file[1])


def _of_host(address: Address, field: str, verified: Sequence[str]) -> Iterator[Finding]:
    host = address.ascii.removesuffix(".")
    if address.ip is not None:
        yield from _of_number(address, field)
        return
    if any(under(host, domain) for domain in verified):
        return
    code = "foreignImageHost" if field == "image" else "foreignHost"
    yield finding_of(code, field, host=address.host)
    if "." not in host or any(under(host, name) for name in _INSIDE):
        yield finding_of("privateHost", field, host=address.host)
        return
    if host.removeprefix("www.") in SHORTENERS:
        yield finding_of("shortener", field, host=address.host)
    yield from _of_letters(address, field)
    yield from _of_likeness(address, field, verified)


def _of_number(address: Address, field: str) -> Iterator[Finding]:
    ip = address.ip
    yield finding_of("ipHost", field, host=address.host)
    if address.disguised:
        yield finding_of("disguisedIp", field, host=address.written, ip=ip)
    if ip is not None and why_forbidden(ip):
        yield finding_of("privateHost", field, host=address.host)


def _of_letters(address: Address, field: str) -> Iterator[Finding]:
    mixed = [m for label in address.host.split(".") if not may_stand_together(m := scripts(label))]
    if mixed:
        yield finding_of(
            "mixedScriptHost",
            field,
            host=address.host,
            scripts=" and ".join(sorted(mixed[0])),
        )
    if address.punycode:
        yield finding_of("punycodeHost", field, host=address.host, ascii=address.ascii)
    elif address.host != address.ascii:
        yield finding_of("internationalHost", field, host=address.host, ascii=address.ascii)


def _of_likeness(address: Address, field: str, verified: Sequence[str]) -> Iterator[Finding]:
    host = address.ascii.removesuffix(".")
    if domain := _imitated_domain(address.host, host, verified):
        yield finding_of("lookAlikeHost", field, host=address.host, like=domain)
        return
    if owner(host):
        return
    for label in address.host.split(".")[:-1]:
        for part in (label, *re.split(r"[-_]", label)):
            if like := _imitated_brand(part):
                yield finding_of("lookAlikeHost", field, host=address.host, like=like)
                return
    if like := _used_brand(host):
        yield finding_of("brandInHost", field, host=address.host, like=like)


def _imitated_domain(displayed_host: str, host: str, verified: Sequence[str]) -> str:
    """The verified domain that a host under none of them looks like."""
    labels = displayed_host.split(".")
    shapes = {squeezed(".".join(labels[at:])) for at in range(len(labels))}
    for domain in verified:
        if squeezed(_people_read(domain)) in shapes or host.startswith(f"{domain}."):
            return domain
    return ""


def _people_read(domain: str) -> str:
    return read_address(f"https://{domain}/").host


@cache
def _brand_shapes() -> dict[str, str]:
    """List every spelling that a hasty reader takes for a brand: look-alikes, swapped letters."""
    shapes: dict[str, str] = {}
    for brand in BRANDS:
        shapes[skeleton(brand)] = brand
        shapes[squeezed(brand)] = brand
        if len(brand) >= 6:
            for at in range(1, len(brand) - 2):
                swapped = brand[:at] + brand[at + 1] + brand[at] + brand[at + 2 :]
                shapes.setdefault(squeezed(swapped), brand)
    return shapes


def _imitated_brand(part: str) -> str:
    shapes = _brand_shapes()
    like = shapes.get(skeleton(part), "") or shapes.get(squeezed(part), "") or _within(part)
    return like if part != like else ""


def _within(label: str) -> str:
    """The brand that part of a longer word looks like without being it."""
    shape = skeleton(label)
    return next((b for b in DISTINCTIVE if skeleton(b) in shape and b not in label), "")


def _used_brand(host: str) -> str:
    labels = host.split(".")[:-1]
    parts = {part for label in labels for part in re.split(r"[-_]", label)}
    words = (brand for brand in BRANDS if brand in parts)
    return next(words, "") or next((b for b in DISTINCTIVE for x in labels if b in x), "")
