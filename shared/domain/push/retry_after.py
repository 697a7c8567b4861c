"""The time a push service asks us to wait, from the headers of its answer or its body."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.domain.answer_bodies import text_in

_NUMBER = re.compile(r"[0-9]{1,99}(\.[0-9]{1,99})?", re.ASCII)
_LONGEST_WAIT_SECONDS = 3_600.0
"""A service that names more, perhaps something on the way, must not end everything that waits,
because the next attempt would lie beyond the six hours that are tried.
"""


def asked_seconds(
    headers: Mapping[str, str], details: Iterable[Mapping[str, object]] = ()
) -> float | None:
    """Read Retry-After: seconds, or a date, which is read against the answer's own Date.

    Where there is none, Google's ``RetryInfo`` among an error's ``details`` is as good.
    """
    asked = headers.get("retry-after", "").strip()
    seconds = _seconds(asked)
    at, now = _date(asked), _date(headers.get("date", ""))
    if seconds is None and at is not None and now is not None:
        seconds = max(0.0, math.ceil((at - now).total_seconds()))
    if seconds is None:
        seconds = next((it for d in details if (it := _retry_delay(d)) is not None), None)
    return None if seconds is None else min(seconds, _LONGEST_WAIT_SECONDS)


def _seconds(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _retry_delay(detail: Mapping[str, object]) -> float | None:
    """Read a duration as Protocol Buffers write it in JSON: ``3.5s``."""
    delay = text_in(detail, "retryDelay")
    is_retry_info = text_in(detail, "@type").endswith("/google.rpc.RetryInfo")
    return _seconds(delay.removesuffix("s")) if is_retry_info and delay.endswith("s") else None


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
