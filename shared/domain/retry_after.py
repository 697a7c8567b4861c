"""The time a push service asks us to wait, from the headers of its answer."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_WAIT_SECONDS = 3_600.0
"""Whoever names more, perhaps something on the way, must not end everything that waits, because the
next attempt would lie beyond the six hours that are tried.
"""


def asked_seconds(headers: Mapping[str, str]) -> float | None:
    """Retry-After: seconds, or a date, which is read against the answer's own Date."""
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return min(float(asked[:9]), _LONGEST_WAIT_SECONDS)
    at, now = _date(asked), _date(headers.get("date", ""))
    if at is None or now is None:
        return None
    return min(max(0.0, math.ceil((at - now).total_seconds())), _LONGEST_WAIT_SECONDS)


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
