"""A web and a threat list without a network, with what the test puts there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared.domain.errors import TryAgain
from shared.domain.findings.fetch_result import FetchResult, WebFault


@dataclass
class MemoryWeb:
    """Web that answers each address as told to; any other is an ordinary page or image."""

    answers: Mapping[str, FetchResult] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)

    def look(self, url: str, *, seconds: float, asker: str = "") -> FetchResult:  # noqa: ARG002
        self.urls.append(url)
        if seconds <= 0:
            return FetchResult(url, fault=WebFault.TOO_SLOW)
        return self.answers.get(url) or _ordinary(url)


@dataclass
class MemoryThreats:
    """Threat list of hosts; ``away`` makes it a list that cannot be asked."""

    listed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    away: bool = False

    def of(self, url: str, *, seconds: float) -> tuple[str, ...]:
        if self.away or seconds <= 0:
            raise TryAgain("the threat list cannot be asked")
        return self.listed.get(urlsplit(url).hostname or "", ())


def _ordinary(url: str) -> FetchResult:
    path = urlsplit(url).path
    if path.endswith((".png", ".jpg", ".jpeg", ".webp", ".gif")):
        return FetchResult(
            url,
            status=200,
            content_type="image/png",
            size=4096,
            kind="png",
            width=640,
            height=360,
        )
    return FetchResult(url, status=200, content_type="text/html", size=512)
