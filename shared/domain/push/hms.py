"""Huawei Push Kit: a notification in its words, and what its answers mean to us.

The replace key goes out twice, as ``tag`` and as a number, since devices differ in which they heed.
Without a ``collapse_key`` Huawei keeps one message for a device that is offline and drops the rest.

One answer speaks for a whole request of up to a thousand addresses, mostly with HTTP 200: its own
code decides. Two of its words mislead. "Partial success" lists, beside dead addresses, those that
only a missing right of ours or a penalty stands in the way of. And what is refused of a request may
be the fault of one address in it: for which of them it holds is known of a request for one only.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from shared.domain.answer_bodies import object_in, text_in
from shared.domain.content.shown import Shown
from shared.domain.push.answers import (
    Accepted,
    Answer,
    Misconfigured,
    Rejected,
    Response,
    RetryLater,
    Unsendable,
)
from shared.domain.push.reactions import (
    ANSWER_LOST,
    CREDENTIALS_REFUSED,
    INVALID_TOKEN,
    PAYLOAD_TOO_BIG,
)
from shared.domain.push.rendering import Json, Options, Payload, compact, without_none

MOST_BYTES = 4096
"""Size limit of the whole request, except for the addresses in it."""
MOST_TTL = timedelta(days=15)
LEAST_TTL = timedelta(seconds=1)
"""A life of nothing is refused as having ended before it began."""

KEEP_ALL = -1
_LARGEST_NOTIFY_ID = 2**31 - 1
_CLEAR_TOP = "0x04000000"


def payload(shown: Shown, options: Options) -> Payload | Unsendable:
    """Render a request for many devices, or answer that Huawei takes no such body."""
    message = _message(shown, options)
    if _size(message) > MOST_BYTES:
        return PAYLOAD_TOO_BIG
    before = b'{"validate_only":false,"message":{"token":'
    return Payload(options.id, before, b",%b}" % compact(message)[1:])


def size(shown: Shown, options: Options) -> int:
    """Count what the request takes of ``MOST_BYTES``."""
    return _size(_message(shown, options))


def notify_id(id: str) -> int:
    """Return the same positive number for the same notification, in every version of Fanfare."""
    return zlib.crc32(id.encode()) % _LARGEST_NOTIFY_ID + 1


def _size(message: Json) -> int:
    return len(compact({"validate_only": False, "message": {"token": [], **message}}))


def _message(shown: Shown, options: Options) -> Json:
    return {
        "data": compact(_data(shown, options)).decode(),
        "notification": without_none(title=shown.title, body=shown.body, image=shown.image),
        "android": without_none(
            collapse_key=KEEP_ALL,
            ttl=options.expires_at and f"{_ttl_seconds(options.expires_at, options.now)}s",
            notification={
                "tag": options.id,
                "notify_id": notify_id(options.id),
                "click_action": _click_action(shown.url),
            },
        ),
    }


def _data(shown: Shown, options: Options) -> Json:
    return without_none(
        notificationId=options.id,
        url=shown.url,
        urlButtonName=shown.url_button_name,
        forceTimer=shown.force_timer and str(shown.force_timer),
    )


def _click_action(url: str | None) -> Json:
    """Lead a tap to the link, in the browser or in the app that knows its scheme, or to the app."""
    if not url:
        return {"type": 3}
    scheme = urlsplit(url).scheme
    if scheme == "https":
        return {"type": 2, "url": url}
    rest = url[len(scheme) + 1 :]
    intent = f"intent:{rest}#Intent;scheme={scheme};launchFlags={_CLEAR_TOP};end"
    return {"type": 1, "intent": intent}


def _ttl_seconds(expires_at: datetime, now: datetime) -> int:
    return int(min(max(expires_at - now, LEAST_TTL), MOST_TTL).total_seconds())


# ---- what its answers mean ------------------------------------------------------------------

MOST_TOKENS: Final = 1000

PARTLY: Final = RetryLater("partialUnknown", ambiguous=True)
"""Some were taken and some were not, and which is not known."""
UNKNOWN_ERROR: Final = Rejected("unknownError")

_ANY = 0
_UNSAID = ""
_WHATEVER = "*"
_INVALID_MESSAGE = Unsendable("invalidMessage")
_CONTENT_REJECTED = Unsendable("contentRejected")
_NOT_PERMITTED = Misconfigured("appNotPermitted")
_TRAFFIC_CONTROL = RetryLater("trafficControl", 10.0, of_app=True)
"""Counted in devices a second; Huawei names no time to wait."""

REACTIONS: Final[tuple[tuple[str, int, Answer], ...]] = (
    # Huawei's code or how it begins, HTTP, reaction; the first row that fits decides.
    ("80000000", _ANY, Accepted()),
    ("80100000", _ANY, PARTLY),
    ("80300007", _ANY, INVALID_TOKEN),
    ("80100001", _ANY, _INVALID_MESSAGE),  # a parameter
    ("80100002", _ANY, _INVALID_MESSAGE),  # a system message to several
    ("80100003", _ANY, _INVALID_MESSAGE),  # the structure
    ("80100004", _ANY, Unsendable("expired")),
    ("80100013", _ANY, _INVALID_MESSAGE),  # collapse_key
    ("80100016", _ANY, _CONTENT_REJECTED),  # sensitive words
    ("80100017", _ANY, _TRAFFIC_CONTROL),
    ("80100018", _ANY, _INVALID_MESSAGE),  # the body
    ("80100022", _ANY, _CONTENT_REJECTED),  # an image nobody vetted
    ("802", _ANY, CREDENTIALS_REFUSED),  # 01: not ours, 03: expired, 05: expired JWT
    ("80300002", _ANY, _NOT_PERMITTED),
    ("80300008", _ANY, Unsendable("payloadTooBig")),
    ("80300010", _ANY, _INVALID_MESSAGE),  # no address, or too many
    ("80300011", _ANY, Unsendable("urgencyNotPermitted")),
    ("80300013", _ANY, Misconfigured("receiptAddressRefused")),
    ("80300037", _ANY, _NOT_PERMITTED),  # a penalty
    ("80600", _ANY, RetryLater("unavailable")),  # Huawei's own OAuth is out of Huawei's reach
    ("81", _ANY, RetryLater("internal", ambiguous=True)),
    ("820", _ANY, _INVALID_MESSAGE),  # topics and groups, which we never send to
    (_WHATEVER, 401, CREDENTIALS_REFUSED),
    (_UNSAID, 403, CREDENTIALS_REFUSED),
    (_UNSAID, 404, Misconfigured("appNotFound")),
    (_WHATEVER, 408, ANSWER_LOST),
    (_WHATEVER, 429, _TRAFFIC_CONTROL),
    (_WHATEVER, 500, RetryLater("internal", ambiguous=True)),
    (_WHATEVER, 503, _TRAFFIC_CONTROL),
    (_WHATEVER, 5, RetryLater("unavailable", ambiguous=True)),
    (_UNSAID, 2, ANSWER_LOST),
    (_UNSAID, 3, Misconfigured("unexpectedAnswer")),
    (_UNSAID, 4, _INVALID_MESSAGE),
    (_UNSAID, _ANY, RetryLater("unavailable", ambiguous=True)),
    (_WHATEVER, _ANY, UNKNOWN_ERROR),
)
"""Codes are stable: they appear in the ``errors`` of a notification."""

REASONS: Final[Mapping[str, Answer]] = {
    "": INVALID_TOKEN,  # the older list gives no reasons
    "noRight": INVALID_TOKEN,  # of another app
    "tokenFormatError": INVALID_TOKEN,
    "tokenPlatformNotSupport": INVALID_TOKEN,
}
"""Meaning of the reason an address is listed as illegal for. Any other reason is not the address's
fault.
"""
_REFUSED_FOR_OTHER_REASONS = Rejected("tokenRefused")


def meaning(response: Response, tokens: Sequence[str]) -> dict[str, Answer]:
    """Read what became of each of ``tokens`` from the response to the request for all of them."""
    said = object_in(response.body)
    answer = _find(response.status, _code(said))
    accepted = Accepted(text_in(said, "requestId"))
    if answer not in (PARTLY, INVALID_TOKEN):
        return dict.fromkeys(tokens, accepted if isinstance(answer, Accepted) else answer)
    details = _details(said)
    listed = _listed(details)
    known = [token for token in tokens if token in listed]
    complete = bool(known) and str(details.get("failure", len(known))) == str(len(known))
    rest = accepted if answer == PARTLY and complete else answer
    return {token: listed.get(token, rest) for token in tokens}


def named(response: Response) -> frozenset[str]:
    """Find the addresses that a response names one by one, so that the response speaks of each of
    them.
    """
    return frozenset(_listed(_details(object_in(response.body))))


def _find(http: int, code: str) -> Answer:
    for row_code, row_http, answer in REACTIONS:
        right_code = row_code == _WHATEVER or (code.startswith(row_code) if row_code else not code)
        if right_code and row_http in (_ANY, http, http // 100):
            return answer
    raise AssertionError("the last row fits everything")


# ---- reading ---------------------------------------------------------------------------------


def _listed(details: Mapping[str, object]) -> dict[str, Answer]:
    """Read the illegal addresses, in the older list or the newer map of reasons."""
    by_reason = details.get("illegalTokens")
    groups: dict[str, object] = {"": details.get("illegal_tokens")}
    groups |= by_reason if isinstance(by_reason, dict) else {}
    return {
        token: REASONS.get(reason, _REFUSED_FOR_OTHER_REASONS)
        for reason, group in groups.items()
        for token in (group if isinstance(group, list) else [])
        if isinstance(token, str)
    }


def _details(body: Mapping[str, object]) -> Mapping[str, object]:
    """Read ``msg``: JSON within JSON, and a sentence where there is nothing to tell."""
    details = body.get("msg")
    return (
        details
        if isinstance(details, dict)
        else object_in(details if isinstance(details, str) else "")
    )


def _code(body: Mapping[str, object]) -> str:
    code = str(body.get("code"))
    return code if re.fullmatch("[0-9]{8}", code) else _UNSAID
