"""Look at content before somebody decides on it, and once more before it is sent.

The link and the image are gone to at the same time, each in a thread that is left behind when it
does not come back: what cannot be checked in time is a finding for a person, never nothing.
"""

import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Generic, TypeVar

from pydantic.alias_generators import to_camel

from shared.domain.content.content import CHECKED, LINKS, Content
from shared.domain.errors import TryAgain
from shared.domain.findings.fetch_result import FetchResult
from shared.domain.findings.fetched import seen_findings, unchecked
from shared.domain.findings.finding import Finding, finding_of
from shared.domain.findings.link import hosts_of, link_findings
from shared.domain.findings.link_ends import Inspection, LinkEnd
from shared.domain.findings.text import text_findings
from shared.domain.links.carried import web_addresses
from shared.domain.links.hosts import BadAddress, host_of, machine_host_of, read_address
from shared.ports import Threats, Web

SECONDS = 5.0
LOOK_SECONDS = 3.5
"""Leaves time to look up on the threat list where redirects led."""
_MARGIN_SECONDS = 0.25
_log = logging.getLogger(__name__)

Findings = tuple[Finding, ...]
T = TypeVar("T")


def inspect(
    content: Content,
    verified_domains: Sequence[str],
    *,
    web: Web,
    threats: Threats,
    own_schemes: Collection[str] = (),
    asker: str = "",
    seconds: float = SECONDS,
) -> Inspection:
    """Find everything worth knowing about ``content``, in at most ``seconds``. Never raises.

    ``asker`` is the provider in whose share of name lookups it is gone to addresses.
    """
    ends = time.monotonic() + seconds - min(_MARGIN_SECONDS, seconds / 5)
    visits = [_Visit(url, name, web, threats, ends, asker) for url, name in _web_addresses(content)]
    looks = [_Background(visit.look) for visit in visits]
    lists = [(visit, visit.url, _Background(partial(visit.listed, visit.url))) for visit in visits]
    findings = [
        *_of_texts(content, verified_domains),
        *_of_links(content, verified_domains, own_schemes),
    ]
    link_ends = []
    for visit, look in zip(visits, looks, strict=True):
        result = look.outcome(ends)
        link_ends.append(visit.end(result))
        if not isinstance(result, FetchResult):
            findings.append(unchecked(visit.url, visit.field, result.value))
            continue
        findings += seen_findings(visit.url, result, visit.field, verified_domains)
        if result.url != visit.url:
            lists.append((visit, result.url, _Background(partial(visit.listed, result.url))))
    for visit, url, listed in lists:
        outcome = listed.outcome(ends)
        findings += outcome if isinstance(outcome, tuple) else (visit.not_listed(url),)
    return Inspection(tuple(dict.fromkeys(findings)), tuple(link_ends))


def _web_addresses(content: Content) -> Sequence[tuple[str, str]]:
    """List where link and image lead on the web, each with its field."""
    return [
        (address, name) for name in LINKS for address in web_addresses(getattr(content, name) or "")
    ]


def _of_texts(content: Content, verified_domains: Sequence[str]) -> Findings:
    texts = {to_camel(it): getattr(content, it) for it in CHECKED if it not in LINKS}
    known = _known_hosts(content, verified_domains)
    return tuple(
        finding
        for name, text in texts.items()
        if text
        for finding in _surely(text_findings, text, name, known)
    )


def _of_links(
    content: Content, verified_domains: Sequence[str], own_schemes: Collection[str]
) -> Findings:
    rule = partial(link_findings, own_schemes=own_schemes)
    return tuple(
        finding
        for name in LINKS
        if (url := getattr(content, name))
        for finding in _surely(rule, url, name, verified_domains)
    )


def _known_hosts(content: Content, verified_domains: Sequence[str]) -> tuple[str, ...]:
    """List the hosts that a text may well name: the provider's own places, and where the link
    leads.
    """
    known = [*verified_domains, *hosts_of(verified_domains)]
    for url in web_addresses(content.url or ""):
        with suppress(BadAddress):
            address = read_address(url)
            known += [address.host, address.ascii]
    return tuple(known)


def _surely(
    rule: Callable[[str, str, Sequence[str]], Findings],
    text: str,
    name: str,
    domains: Sequence[str],
) -> Findings:
    """A rule that fails on somebody's text must not let that text through."""
    try:
        return rule(text, name, domains)
    except Exception as failure:  # noqa: BLE001 - a defect of ours is a finding and an alert
        _log.error("a rule failed: %s", _place(failure))
        return (finding_of("couldNotBeChecked", name, host=name, reason="something went wrong"),)


class _NoResult(Enum):
    """Reason for a fetch or look-up without a result."""

    LATE = "it took too long"
    BROKEN = "something went wrong"


class _Background(Generic[T]):
    """Work done beside us, in a thread that nobody waits for beyond the end."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._came: queue.SimpleQueue[T | _NoResult] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="inspect", daemon=True).start()

    def outcome(self, ends: float) -> T | _NoResult:
        """Return the result of the work, if it is back by then."""
        try:
            return self._came.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty:
            return _NoResult.LATE

    def _run(self) -> None:
        try:
            self._came.put(self._work())
        except Exception as failure:  # noqa: BLE001 - a defect of ours is a finding and an alert
            _log.error("a look failed: %s", _place(failure))
            self._came.put(_NoResult.BROKEN)


@dataclass(frozen=True, slots=True)
class _Visit:
    """Address that is fetched, and looked up on the threat list."""

    url: str
    field: str
    web: Web
    threats: Threats
    ends: float
    asker: str

    def look(self) -> FetchResult:
        seconds = min(LOOK_SECONDS, self._seconds_left())
        return self.web.look(self.url, seconds=seconds, asker=self.asker)

    def end(self, result: "FetchResult | _NoResult") -> LinkEnd:
        final = ""
        if isinstance(result, FetchResult) and result.reached:
            final = machine_host_of(result.url)
        return LinkEnd(self.field, machine_host_of(self.url), final)

    def listed(self, url: str) -> Findings:
        """Look up the address, or where it leads, on the threat list."""
        try:
            lists = self.threats.of(url, seconds=self._seconds_left())
        except TryAgain:
            return (self.not_listed(url),)
        if not lists:
            return ()
        return (
            finding_of("listedThreat", self.field, host=host_of(url), threats=", ".join(lists)),
        )

    def not_listed(self, url: str) -> Finding:
        return finding_of("threatsNotChecked", self.field, host=host_of(url))

    def _seconds_left(self) -> float:
        return max(0.0, self.ends - time.monotonic())


def _place(failure: Exception) -> str:
    """Name the error and its place, without its words: they may quote the address."""
    frame = traceback.extract_tb(failure.__traceback__)[-1]
    return f"{type(failure).__name__} in {frame.name}, line {frame.lineno}"
