"""A moment as text in our answers."""

from datetime import UTC, datetime


def moment_text(at: datetime) -> str:
    """Return ``at`` in UTC as RFC 3339 has it, always with six digits of a second.

    Clients compare such texts and cut them by position; a whole second must not look different.
    """
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
