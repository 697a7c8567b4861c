"""The findings that follow from a fetched address."""

from collections.abc import Iterator, Sequence

from shared.domain.findings.fetch_result import MOST_HOPS, MOST_IMAGE_BYTES, FetchResult, WebFault
from shared.domain.findings.finding import Finding, found
from shared.domain.findings.link import is_verified, link_findings
from shared.domain.links.hosts import host_of, machine_host_of

MOST_PIXELS = 40_000_000
MOST_SIDE = 16_384
SMALLEST_SIDE = 8
_TYPES = {
    "png": ("image/png", "image/apng"),
    "jpeg": ("image/jpeg", "image/jpg", "image/pjpeg"),
    "gif": ("image/gif",),
    "webp": ("image/webp",),
    "bmp": ("image/bmp", "image/x-ms-bmp", "image/x-bmp"),
}
_REASONS = {
    WebFault.TOO_SLOW: "it took too long",
    WebFault.BAD_ANSWER: "it does not answer as a web server does",
    WebFault.BAD_REDIRECT: "it redirects to an address that cannot be read",
    WebFault.NOT_LOOKED_AT: "it is not looked at from here",
}
_SILENCES = {
    WebFault.UNKNOWN_HOST: "there is no such host",
    WebFault.UNREACHABLE: "the connection fails",
}


def seen_findings(
    url: str, seen: FetchResult, field: str, verified_domains: Sequence[str]
) -> tuple[Finding, ...]:
    """List the findings on what was seen at ``url``."""
    return tuple(_of_seen(url, seen, field, verified_domains))


def unchecked(url: str, field: str, reason: str) -> Finding:
    """Return the finding of an address that could not be seen: a person must look."""
    return found("couldNotBeChecked", field, host=host_of(url), reason=reason)


def _of_seen(
    url: str, seen: FetchResult, field: str, verified_domains: Sequence[str]
) -> Iterator[Finding]:
    yield from _of_hops(url, seen, field, verified_domains)
    if seen.fault is not None:
        yield _of_fault(seen, field)
    elif not seen.reached:
        yield found("answersWithError", field, host=host_of(seen.url), status=seen.status)
    elif field == "image":
        yield from _of_image(seen, field)
    elif seen.attachment:
        yield found("download", field, name=seen.attachment)


def _of_hops(
    url: str, seen: FetchResult, field: str, verified_domains: Sequence[str]
) -> Iterator[Finding]:
    """Find what an address does not show itself, but the address it redirects to does."""
    first, last = host_of(url), host_of(seen.url)
    if first == last:
        return
    findings = link_findings(url, field, verified_domains)
    there = link_findings(seen.url, field, verified_domains)
    if not is_verified(machine_host_of(seen.url), verified_domains):
        yield found("redirectsAway", field, host=first, final=last)
    foreign = ("foreignHost", "foreignImageHost")
    yield from (f for f in there if f not in findings and f.code not in foreign)


def _of_fault(seen: FetchResult, field: str) -> Finding:
    host = host_of(seen.url)
    match seen.fault:
        case WebFault.FORBIDDEN_ADDRESS:
            return found("forbiddenAddress", field, host=host)
        case WebFault.TOO_MANY_REDIRECTS:
            return found("tooManyRedirects", field, count=MOST_HOPS, host=host)
        case WebFault.REDIRECT_TO_HTTP:
            return found("redirectToHttp", field, host=host_of(seen.hops[-1] if seen.hops else ""))
        case WebFault.BAD_CERTIFICATE:
            return found("badCertificate", field, host=host)
        case WebFault.UNKNOWN_HOST | WebFault.UNREACHABLE:
            return found("unreachable", field, host=host, reason=_SILENCES[seen.fault])
        case fault:
            reason = _REASONS.get(fault, "something went wrong") if fault else ""
            return unchecked(seen.url, field, reason)


def _of_image(seen: FetchResult, field: str) -> Iterator[Finding]:
    if not seen.content_type.startswith("image/") and not seen.kind:
        yield found("imageMissing", field, type=seen.content_type or "no type at all")
        return
    if not seen.kind:
        yield found("imageUnreadable", field)
        return
    if seen.content_type not in _TYPES.get(seen.kind, ()):
        media_type = seen.content_type or "nothing"
        yield found("imageTypeDisagrees", field, type=media_type, kind=seen.kind)
    if seen.size > MOST_IMAGE_BYTES:
        yield found("imageTooLarge", field)
    yield from _of_dimensions(seen, field)


def _of_dimensions(seen: FetchResult, field: str) -> Iterator[Finding]:
    sides = {"width": seen.width, "height": seen.height, "host": host_of(seen.url)}
    if seen.width <= 0 or seen.height <= 0:
        yield found("imageUnreadable", field)
    elif seen.width * seen.height > MOST_PIXELS or max(seen.width, seen.height) > MOST_SIDE:
        yield found("imageBomb", field, **sides)
    elif min(seen.width, seen.height) < SMALLEST_SIDE:
        yield found("imageTooSmall", field, **sides)
