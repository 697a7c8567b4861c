"""The public web, looked at before a moderator decides and before sending begins."""

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
    """The public web, looked at with care. The only way to an address from outside."""

    def look(self, url: str, *, seconds: float, asker: str = "") -> FetchResult:
        """Follow the address and its redirects, in ``seconds`` at most. Never raises: faults are
        part of the result.

        Each ``asker`` has a share of the name lookups that can be under way.
        """
