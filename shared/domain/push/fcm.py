"""Firebase Cloud Messaging: a notification in its words, and what its answers mean to us.

The replace key (the notification's id) goes out with every message for every platform, since
nothing else keeps a message that FCM took twice from being shown twice.

Some of its answers mislead. 404 says that the address is dead only with FCM's own code
UNREGISTERED, and 400 only when it names the token. What stands behind the others may be one
address, the message or the project: the address is kept. Where FCM hands on what Apple said of an
iPhone, in a detail ``ApnsError``, Apple's reason decides. And a quota may be one device's or the
project's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from pydantic_core import from_json

from shared.domain.answer_bodies import text_in
from shared.domain.content.shown import Shown
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    Response,
    RetryLater,
    Unsendable,
)
from shared.domain.push.apns import by_reason
from shared.domain.push.reactions import (
    ANSWER_LOST,
    CREDENTIALS_REFUSED,
    DEVICE_BUSY,
    INVALID_TOKEN,
    PAYLOAD_TOO_BIG,
)
from shared.domain.push.rendering import Json, Options, Payload, compact, without_none
from shared.domain.push.retry_after import asked_seconds

MOST_BYTES = 4096
MOST_TTL = timedelta(days=28)


def payload(shown: Shown, options: Options) -> Payload | Unsendable:
    """Render a request, or answer that FCM passes no such message on."""
    message = _message(shown, options)
    if _size(message) > MOST_BYTES:
        return PAYLOAD_TOO_BIG
    return Payload(options.id, b'{"message":{"token":', b",%b}" % compact(message)[1:])


def size(shown: Shown, options: Options) -> int:
    """Count what the request takes of ``MOST_BYTES``."""
    return _size(_message(shown, options))


def _size(message: Json) -> int:
    """Count what the platform with the most to carry gets: the common part and its own."""
    common = {name: message[name] for name in ("notification", "data")}
    special = (len(compact(message[name])) for name in ("android", "apns", "webpush"))
    return len(compact(common)) + max(special)


def _message(shown: Shown, options: Options) -> Json:
    return {
        "notification": without_none(title=shown.title, body=shown.body, image=shown.image),
        "data": _data(shown, options),
        "android": _android(options),
        "apns": _apns(shown, options),
        "webpush": _webpush(shown, options),
    }


def _data(shown: Shown, options: Options) -> Json:
    link = {"url": shown.url, "urlButtonName": shown.url_button_name} if shown.url else {}
    timer = {"forceTimer": str(shown.force_timer)} if shown.force_timer else {}
    return {"notificationId": options.id, **link, **timer}


def _android(options: Options) -> Json:
    left = options.expires_at and f"{_ttl_seconds(options.expires_at, options.now)}s"
    return without_none(priority="HIGH", ttl=left, notification={"tag": options.id})


def _apns(shown: Shown, options: Options) -> Json:
    headers = {
        "apns-priority": "10",
        "apns-push-type": "alert",
        "apns-collapse-id": options.id,
        "apns-expiration": options.expires_at and str(int(options.expires_at.timestamp())),
    }
    return without_none(
        headers=without_none(**headers),
        payload={"aps": {"mutable-content": 1} if shown.image else {}},
        fcm_options={"image": shown.image} if shown.image else None,
    )


def _webpush(shown: Shown, options: Options) -> Json:
    headers = {"Urgency": "high"}
    if options.expires_at is not None:
        headers["TTL"] = str(_ttl_seconds(options.expires_at, options.now))
    link = shown.url if shown.url and urlsplit(shown.url).scheme == "https" else None
    return without_none(
        headers=headers,
        notification=without_none(tag=options.id, image=shown.image),
        fcm_options={"link": link} if link else None,
    )


def _ttl_seconds(expires_at: datetime, now: datetime) -> int:
    """Count the whole seconds left. 0 tells FCM now or never."""
    return int(min(max(expires_at - now, timedelta()), MOST_TTL).total_seconds())


# ---- what its answers mean ------------------------------------------------------------------

_OF_A_DEVICE = re.compile(r"device|token|registration|instance|target|fid\b", re.IGNORECASE)
_OF_THE_PROJECT = re.compile(r"project|\bapp\b|application|consumer|sender", re.IGNORECASE)

_ANY = 0
_UNSAID = ""
_WHATEVER = "*"
_TOKEN = "message.token"  # noqa: S105
_NOT_A_TOKEN = "not a valid FCM registration token"  # noqa: S105
_DEVICES_QUOTA = "quota of the device"
_PROJECTS_QUOTA = "quota of the project"
_THIRD_PARTY_AUTH = Misconfigured("thirdPartyAuth")

REACTIONS: Final[tuple[tuple[int, str, Answer], ...]] = (
    # HTTP, word, reaction; the first row that fits decides. The word is FCM's error code or, where
    # FCM said none, the API's status. A wait stands for an absent Retry-After.
    (400, _TOKEN, INVALID_TOKEN),
    (_ANY, "UNREGISTERED", AddressGone("unregistered")),
    (_ANY, "SENDER_ID_MISMATCH", AddressGone("senderIdMismatch")),
    (_ANY, "THIRD_PARTY_AUTH_ERROR", _THIRD_PARTY_AUTH),
    (_ANY, "INVALID_ARGUMENT", Unsendable("invalidMessage")),
    (429, _DEVICES_QUOTA, DEVICE_BUSY),
    (429, _PROJECTS_QUOTA, RetryLater("quotaExceeded", 60.0, of_app=True)),
    (_ANY, "QUOTA_EXCEEDED", RetryLater("quotaExceeded", 60.0)),
    (_ANY, "RESOURCE_EXHAUSTED", RetryLater("quotaExceeded", 60.0)),
    (_ANY, "UNAVAILABLE", RetryLater("unavailable")),
    (_ANY, "DEADLINE_EXCEEDED", RetryLater("unavailable", ambiguous=True)),
    (_ANY, "INTERNAL", RetryLater("internal", ambiguous=True)),
    (_ANY, "ABORTED", RetryLater("unavailable")),
    (_ANY, "CANCELLED", ANSWER_LOST),
    (_ANY, "NOT_FOUND", Misconfigured("projectNotFound")),
    (_ANY, "PERMISSION_DENIED", CREDENTIALS_REFUSED),
    (_ANY, "UNAUTHENTICATED", CREDENTIALS_REFUSED),
    (401, _UNSAID, CREDENTIALS_REFUSED),
    (403, _UNSAID, CREDENTIALS_REFUSED),
    (404, _UNSAID, Misconfigured("projectNotFound")),
    (408, _WHATEVER, ANSWER_LOST),
    (429, _WHATEVER, RetryLater("quotaExceeded", 60.0)),
    (500, _WHATEVER, RetryLater("internal", ambiguous=True)),
    (502, _WHATEVER, RetryLater("unavailable", 30.0, ambiguous=True)),
    (503, _WHATEVER, RetryLater("unavailable")),
    (2, _WHATEVER, ANSWER_LOST),
    (3, _WHATEVER, Misconfigured("unexpectedAnswer")),
    (4, _UNSAID, Unsendable("invalidMessage")),
    (4, _WHATEVER, Rejected("unknownError")),
    (_ANY, _WHATEVER, RetryLater("unavailable", ambiguous=True)),
)
"""Codes are stable: they appear in the ``errors`` of a notification."""


def meaning(response: Response) -> Answer:
    """Read what became of a push from FCM's response to it."""
    http, body = response.status, _json(response.body)
    if http == 200 and (name := text_in(body, "name")):
        return Accepted(name.rpartition("/")[2])
    stated = body.get("error")
    error = stated if isinstance(stated, dict) else {}
    details = list(_details(error))
    found = _apples(details) or _find(http, _word(http, error, details))
    if isinstance(found, RetryLater) and http >= 300:
        asked = asked_seconds(response.headers, details)
        return found if asked is None else replace(found, retry_after_seconds=asked)
    return found


def _find(http: int, error: tuple[str, bool]) -> Answer:
    word, by_fcm = error
    for row_http, row_word, answer in REACTIONS:
        right_word = row_word in (word, _WHATEVER) or (row_word == _UNSAID and not by_fcm)
        if right_word and row_http in (_ANY, http, http // 100):
            return answer
    raise AssertionError("the last row fits everything")


def _apples(details: Iterable[Mapping[str, object]]) -> Answer | None:
    """Read Apple's reason, if FCM hands on a known one. The steps that we take towards Apple are
    FCM's here; and Apple's credentials are those in Firebase, not those we show to FCM.
    """
    for detail in details:
        if _is(detail, "google.firebase.fcm.v1.ApnsError"):
            found = by_reason(detail.get("statusCode"), text_in(detail, "reason"))
            return _THIRD_PARTY_AUTH if found == CREDENTIALS_REFUSED else found
    return None


# ---- reading ---------------------------------------------------------------------------------


def _word(
    http: int, error: Mapping[str, object], details: Sequence[Mapping[str, object]]
) -> tuple[str, bool]:
    """Find the deciding word, and whether it is FCM's own."""
    code = next((c for d in details if (c := text_in(d, "errorCode")) and _is_fcm(d)), "")
    about_token = _NOT_A_TOKEN in text_in(error, "message") or _TOKEN in _violated(details)
    if http == 400 and about_token:
        return _TOKEN, True
    if http == 429 and (quota := _whose_quota(details)):
        return quota, True
    return (code, True) if code else (text_in(error, "status"), False)


def _is_fcm(detail: Mapping[str, object]) -> bool:
    return _is(detail, "google.firebase.fcm.v1.FcmError")


def _is(detail: Mapping[str, object], type_: str) -> bool:
    return text_in(detail, "@type").endswith(f"/{type_}")


def _whose_quota(details: Iterable[Mapping[str, object]]) -> str:
    """Find whose quota is exceeded, if a detail says so: by the quota's subject, else by the
    sentence.

    A quota "per device and project" is the device's.
    """
    for violation in (v for d in details if _is(d, "google.rpc.QuotaFailure") for v in _listed(d)):
        for text in (text_in(violation, "subject"), text_in(violation, "description")):
            if _OF_A_DEVICE.search(text):
                return _DEVICES_QUOTA
            if _OF_THE_PROJECT.search(text):
                return _PROJECTS_QUOTA
    return ""


def _details(error: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    details = error.get("details")
    yield from (d for d in (details if isinstance(details, list) else []) if isinstance(d, dict))


def _violated(details: Iterable[Mapping[str, object]]) -> set[str]:
    return {text_in(v, "field") for d in details for v in _listed(d, "fieldViolations")}


def _listed(
    detail: Mapping[str, object], name: str = "violations"
) -> Iterator[Mapping[str, object]]:
    listed = detail.get(name)
    yield from (v for v in (listed if isinstance(listed, list) else []) if isinstance(v, dict))


def _json(body: bytes) -> Mapping[str, object]:
    try:
        fields = from_json(body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
