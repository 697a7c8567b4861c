"""Apple's push service: a notification in its words, and what its answers mean to us.

Body and headers are the same for every device; topic and authorization are not in them, since they
say whose app it is. The collapse id is the notification's id, since nothing else keeps a
notification that Apple took twice from being shown twice.

Apple says in a word of its own which reason it is, and only some of them speak about the device. A
few ask for something besides the answer (a ``Step``): a new token, a new connection, the other
environment. 410 carries the moment, in milliseconds, at which the token was last known to be dead:
a device that registered the token after that moment keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.domain.answer_bodies import object_in
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
from shared.domain.push.reactions import (
    ANSWER_LOST,
    CREDENTIALS_REFUSED,
    DEVICE_BUSY,
    INVALID_TOKEN,
    PAYLOAD_TOO_BIG,
)
from shared.domain.push.rendering import Header, Json, Options, Payload, compact, without_none
from shared.domain.push.retry_after import asked_seconds

MOST_BYTES = 4096
MOST_COLLAPSE_ID_BYTES = 64
PUSH_TYPE = b"alert"
PRIORITY = b"10"


def payload(shown: Shown, options: Options) -> Payload | Unsendable:
    """Render a request, or answer that Apple passes no such body on."""
    body = _body(shown, options)
    if len(body) > MOST_BYTES:
        return PAYLOAD_TOO_BIG
    return Payload(options.id, body, headers=_headers(options))


def size(shown: Shown, options: Options) -> int:
    """Count what the body takes of ``MOST_BYTES``."""
    return len(_body(shown, options))


def _body(shown: Shown, options: Options) -> bytes:
    alert = without_none(title=shown.title, body=shown.body)
    # An extension of the app fetches the image; only with this flag is it asked to.
    flags: Json = {"mutable-content": 1} if shown.image else {}
    return compact(
        without_none(
            aps={"alert": alert, "sound": "default", **flags},
            notificationId=options.id,
            image=shown.image,
            url=shown.url,
            urlButtonName=shown.url_button_name,
            forceTimer=str(shown.force_timer) if shown.force_timer else None,
        )
    )


def _headers(options: Options) -> tuple[Header, ...]:
    headers = [
        (b"apns-push-type", PUSH_TYPE),
        (b"apns-priority", PRIORITY),
        (b"apns-collapse-id", options.id.encode()[:MOST_COLLAPSE_ID_BYTES]),
    ]
    if options.expires_at is not None:
        headers.append((b"apns-expiration", b"%d" % max(0, options.expires_at.timestamp())))
    return tuple(headers)


# ---- what its answers mean ------------------------------------------------------------------

SECONDS_BETWEEN_TOKENS: Final = 1200.0
"""Apple takes no newer token earlier than this after the last one."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class Step(StrEnum):
    """Action to take besides recording the answer. A request that was refused so was not carried
    out.
    """

    NONE = "none"
    NEW_TOKEN = "newToken"  # noqa: S105 - then send once more
    KEEP_TOKEN = "keepToken"  # noqa: S105 - mint none for a while
    RECONNECT = "reconnect"  # the connection takes no more
    RECONNECT_AND_SEND = "reconnectAndSend"  # it is the connection's fault: once more on another
    OTHER_ENVIRONMENT = "otherEnvironment"  # once, if nobody knows which one the device is in


@dataclass(frozen=True, slots=True)
class Reaction:
    """An answer, and the step to take first."""

    answer: Answer
    step: Step = Step.NONE


_OUR_BUG = Reaction(Unsendable("invalidMessage"))
_CREDENTIALS = Reaction(CREDENTIALS_REFUSED)
_WRONG_ENVIRONMENT = Reaction(Misconfigured("wrongEnvironment"), Step.OTHER_ENVIRONMENT)
_WRONG_TOPIC = Reaction(Misconfigured("topicRefused"))
_GONE = Reaction(AddressGone("unregistered"))

REACTIONS: Final[Mapping[tuple[int, str], Reaction]] = {
    (400, "BadDeviceToken"): Reaction(INVALID_TOKEN, Step.OTHER_ENVIRONMENT),
    (400, "DeviceTokenNotForTopic"): Reaction(AddressGone("tokenNotForTopic")),
    (400, "BadCollapseId"): _OUR_BUG,
    (400, "BadExpirationDate"): _OUR_BUG,
    (400, "BadMessageId"): _OUR_BUG,
    (400, "BadPriority"): _OUR_BUG,
    (400, "DuplicateHeaders"): _OUR_BUG,
    (400, "InvalidPushType"): _OUR_BUG,
    (400, "MissingDeviceToken"): _OUR_BUG,
    (400, "MissingTopic"): _OUR_BUG,
    (400, "PayloadEmpty"): _OUR_BUG,
    (404, "BadPath"): _OUR_BUG,
    (405, "MethodNotAllowed"): _OUR_BUG,
    (413, "PayloadTooLarge"): Reaction(Unsendable("payloadTooBig")),
    (400, "BadTopic"): _WRONG_TOPIC,
    (400, "TopicDisallowed"): _WRONG_TOPIC,
    (403, "BadCertificateEnvironment"): _WRONG_ENVIRONMENT,
    (403, "BadEnvironmentKeyInToken"): _WRONG_ENVIRONMENT,
    (403, "BadCertificate"): _CREDENTIALS,
    (403, "Forbidden"): _CREDENTIALS,
    (403, "InvalidProviderToken"): _CREDENTIALS,
    (403, "MissingProviderToken"): _CREDENTIALS,
    (403, "ExpiredProviderToken"): Reaction(CREDENTIALS_REFUSED, Step.NEW_TOKEN),
    (403, "UnrelatedKeyIdInToken"): Reaction(CREDENTIALS_REFUSED, Step.RECONNECT_AND_SEND),
    (410, "Unregistered"): _GONE,
    (410, "ExpiredToken"): _GONE,
    (429, "TooManyRequests"): Reaction(DEVICE_BUSY),
    (429, "TooManyProviderTokenUpdates"): Reaction(
        RetryLater("tooManyTokenUpdates", SECONDS_BETWEEN_TOKENS), Step.KEEP_TOKEN
    ),
    (400, "IdleTimeout"): Reaction(RetryLater("unavailable"), Step.RECONNECT),
    (500, "InternalServerError"): Reaction(RetryLater("internal", ambiguous=True)),
    (503, "ServiceUnavailable"): Reaction(RetryLater("unavailable")),
    (503, "Shutdown"): Reaction(RetryLater("unavailable"), Step.RECONNECT),
}
"""Codes are stable: they appear in the ``errors`` of a notification."""

UNKNOWN_REASONS: Final[Mapping[int, Reaction]] = {
    403: _CREDENTIALS,
    413: Reaction(Unsendable("payloadTooBig")),
    429: Reaction(DEVICE_BUSY),
    500: Reaction(RetryLater("internal", ambiguous=True)),
    503: Reaction(RetryLater("unavailable")),
    2: Reaction(ANSWER_LOST),
    3: Reaction(Misconfigured("unexpectedAnswer")),
    4: Reaction(Rejected("unknownError")),
}
"""By status, or by its first digit, when the reason is not listed above, or there is none."""

_ANYTHING_ELSE = Reaction(RetryLater("unavailable", ambiguous=True))


def meaning(response: Response) -> Reaction:
    """Read what became of a push from Apple's response to it, and what to do about it first."""
    http, headers = response.status, response.headers
    if http == 200:
        return Reaction(Accepted(headers.get("apns-id", "")))
    said = object_in(response.body)
    reason = said.get("reason")
    found = REACTIONS.get((http, reason)) if isinstance(reason, str) else None
    if found is None:
        found = UNKNOWN_REASONS.get(http) or UNKNOWN_REASONS.get(http // 100) or _ANYTHING_ELSE
    if http == 503 and isinstance(found.answer, RetryLater):
        asked = asked_seconds(headers)
        return replace(found, answer=replace(found.answer, retry_after_seconds=asked))
    if found is _GONE:
        return Reaction(AddressGone("unregistered", _moment(said.get("timestamp"))))
    return found


def by_reason(http: object, reason: str) -> Answer | None:
    """Read a reason that another service hands on; ``None`` for a reason not listed here."""
    known = {status: it for (status, word), it in REACTIONS.items() if word == reason}
    found = known.get(http) if isinstance(http, int) else None
    found = found or next(iter(known.values()), None)
    return found.answer if found else None


def _moment(milliseconds: object) -> datetime | None:
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
