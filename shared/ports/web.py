"""The public web, looked at before anybody decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.domain.content.content import Content
    from shared.domain.findings.fetch_result import FetchResult
    from shared.domain.findings.link_ends import Inspection
    from shared.domain.providers.provider import Domain


class Inspect(Protocol):
    """A look at content, given the provider's domains. Never raises, and ends in seconds."""

    def __call__(self, content: Content, domains: Sequence[Domain], /) -> Inspection: ...


class Web(Protocol):
    """The public web, looked at with care. The only way to an address somebody gave us."""

    def look(self, url: str, *, seconds: float, asker: str = "") -> FetchResult:
        """Go there and follow redirects, in ``seconds`` at most. Never raises: faults are seen.

        Each ``asker`` has a share of the name lookups that can be under way.
        """
