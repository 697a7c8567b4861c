"""The threat list that settings choose: none, a file of the operator's own, or Google Web Risk."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from shared.domain.errors import TryAgain
from shared.domain.findings.brands import under
from shared.domain.links.hosts import BadAddress, read_address
from shared.ports import Threats
from shared.settings import Settings


class NoThreats:
    """Threat list of an operator who chose to ask none."""

    def of(self, url: str, *, seconds: float) -> tuple[str, ...]:  # noqa: ARG002 - the port's shape
        return ()


class ThreatFile:
    """File with a host (and all hosts below it) or the beginning of an address on each line, and
    its threat.

    ``evil.example MALWARE``; ``#`` begins a remark. Read when first asked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, url: str, *, seconds: float) -> tuple[str, ...]:  # noqa: ARG002 - the port's shape
        """Return what the address is listed for. Raises ``TryAgain`` if the file is unreadable."""
        try:
            address = read_address(url)
        except BadAddress:
            raise TryAgain("an address that cannot be read cannot be looked up") from None
        whole = f"https://{address.ascii}{address.path or '/'}"
        return tuple(
            dict.fromkeys(
                why
                for entry, why in self._entries.items()
                if (whole.startswith(entry) if "/" in entry else under(address.ascii, entry))
            )
        )

    @cached_property
    def _entries(self) -> Mapping[str, str]:
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except (OSError, UnicodeError) as failed:
            raise TryAgain("the file of threats cannot be read") from failed
        entries = {}
        for line in lines:
            entry, _, why = line.partition("#")[0].strip().partition(" ")
            if entry:
                entries[entry if "/" in entry else entry.lower()] = why.strip() or "LISTED"
        return entries


def threats(settings: Settings) -> Threats:
    """Create the list that ``FANFARE_THREATS`` names."""
    kind, _, path = settings.threat_list.partition(":")
    if kind == "local":
        return ThreatFile(Path(path))
    if kind == "webrisk":
        from shared.adapters.web.web_risk import web_risk

        return web_risk(settings)
    return NoThreats()
