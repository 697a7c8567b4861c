"""The findings that follow from a fetched address."""

from collections.abc import Iterator, Sequence

from shared.domain.findings.fetch_result import MOST_HOPS, MOST_IMAGE_BYTES, FetchResult, WebFault
from shared.domain.findings.finding import Finding, finding_of
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
    url: str, result: FetchResult, field: str, verified_domains: Sequence[str]
) -> tuple[Finding, ...]:
    """List the findings on what was seen at ``url``."""
    return tuple(_of_result(url, result, field, verified_domains))


def unchecked(url: str, field: str, reason: str) -> Finding:
    """Return the finding of an address that could not be seen: a person must look."""
    return finding_of("couldNotBeChecked", field, host=host_of(url), reason=reason)


def _of_result(
    url: str, result: FetchResult, field: str, verified_domains: Sequence[str]
) -> Iterator[Finding]:
    yield from _of_hops(url, result, field, verified_domains)
    if result.fault is not None:
        yield _of_fault(result, field)
    elif not result.reached:
        yield finding_of("answersWithError", field, host=host_of(result.url), status=result.status)
    elif field == "image":
        yield from _of_image(result, field)
    elif result.attachment:
        yield finding_of("download", field, name=result.attachment)


def _of_hops(
    url: str, result: FetchResult, field: str, verified_domains: Sequence[str]
) -> Iterator[Finding]:
    """Find what an address does not show itself, but the address it redirects to does."""
    first, last = host_of(url), host_of(result.url)
    if first == last:
        return
    findings = link_findings(url, field, verified_domains)
    there = link_findings(result.url, field, verified_domains)
    if not is_verified(machine_host_of(result.url), verified_domains):
        yield finding_of("redirectsAway", field, host=first, final=last)
    foreign = ("foreignHost", "foreignImageHost")
    yield from (f for f in there if f not in findings and f.code not in foreign)


def _of_fault(result: FetchResult, field: str) -> Finding:
    host = host_of(result.url)
    match result.fault:
        case WebFault.FORBIDDEN_ADDRESS:
            return finding_of("forbiddenAddress", field, host=host)
        case WebFault.TOO_MANY_REDIRECTS:
            return finding_of("tooManyRedirects", field, count=MOST_HOPS, host=host)
        case WebFault.REDIRECT_TO_HTTP:
            return finding_of(
                "redirectToHttp", field, host=host_of(result.hops[-1] if result.hops else "")
            )
        case WebFault.BAD_CERTIFICATE:
            return finding_of("badCertificate", field, host=host)
        case WebFault.UNKNOWN_HOST | WebFault.UNREACHABLE:
            return finding_of("unreachable", field, host=host, reason=_SILENCES[result.fault])
        case fault:
            reason = _REASONS.get(fault, "something went wrong") if fault else ""
            return unchecked(result.url, field, reason)


def _of_image(result: FetchResult, field: str) -> Iterator[Finding]:
    if not result.content_type.startswith("image/") and not result.kind:
        yield finding_of("imageMissing", field, type=result.content_type or "no type at all")
        return
    if not result.kind:
        yield finding_of("imageUnreadable", field)
        return
    if result.content_type not in _TYPES.get(result.kind, ()):
        media_type = result.content_type or "nothing"
        yield finding_of("imageTypeDisagrees", field, type=media_type, kind=result.kind)
    if result.size > MOST_IMAGE_BYTES:
        yield finding_of("imageTooLarge", field)
    yield from _of_dimensions(result, field)


def _of_dimensions(result: FetchResult, field: str) -> Iterator[Finding]:
    sides = {"width": result.width, "height": result.height, "host": host_of(result.url)}
    if result.width <= 0 or result.height <= 0:
        yield finding_of("imageUnreadable", field)
    elif result.width * result.height > MOST_PIXELS or max(result.width, result.height) > MOST_SIDE:
        yield finding_of("imageBomb", field, **sides)
    elif min(result.width, result.height) < SMALLEST_SIDE:
        yield finding_of("imageTooSmall", field, **sides)
