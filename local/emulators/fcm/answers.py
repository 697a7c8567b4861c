"""The FCM emulator's faults, each asked for by the beginning of an address.

One table, listed at ``GET /prefixes``.
"""

from collections.abc import Mapping, Sequence

import orjson

from local.emulators.apns.answers import REASONS, prefix_of
from local.emulators.faults import BY_DATE, Fault, FaultKind, FaultTable

APNS_ERROR = "type.googleapis.com/google.firebase.fcm.v1.ApnsError"
QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_PAGE = b"<!DOCTYPE html><html lang=en><title>Error 502</title><p>Try again in 30 seconds.</html>"


def error(
    http: int,
    status: str,
    message: str,
    code: str = "",
    violations: Sequence[tuple[str, str]] = (),
    more: Mapping[str, object] | None = None,
) -> bytes:
    """Build an error as Google's APIs word it, with FCM's own code and one more detail where there
    are any.
    """
    details: list[dict[str, object]] = []
    if code:
        details.append({"@type": FCM_ERROR, "errorCode": code})
    if violations:
        named = [{"field": where, "description": what} for where, what in violations]
        details.append({"@type": BAD_REQUEST, "fieldViolations": named})
    if more:
        details.append(dict(more))
    said: dict[str, object] = {"code": http, "message": message, "status": status}
    return orjson.dumps({"error": {**said, "details": details} if details else said})


_NO_TOKEN = "The registration token is not a valid FCM registration token"
_INVALID = "Request contains an invalid argument."
_SOON = {"Retry-After": "7"}


def _quota(prefix: str, whose: str, subject: str, description: str) -> Fault:
    violations = [{"subject": subject, "description": description}]
    more = {"@type": QUOTA_FAILURE, "violations": violations}
    said = error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", "QUOTA_EXCEEDED", more=more)
    return Fault(prefix, f"too many messages to {whose}, as a detail says", 429, said)


_WORDED: Mapping[int, tuple[int, str, str, str]] = {
    400: (400, "INVALID_ARGUMENT", "APNs refused the request.", "INVALID_ARGUMENT"),
    403: (401, "UNAUTHENTICATED", "Auth error from APNS or Web Push", "THIRD_PARTY_AUTH_ERROR"),
    410: (400, "INVALID_ARGUMENT", "APNs device token is disabled.", "INVALID_ARGUMENT"),
    429: (429, "RESOURCE_EXHAUSTED", "Quota exceeded.", "QUOTA_EXCEEDED"),
    500: (500, "INTERNAL", "Internal error encountered.", "INTERNAL"),
    503: (503, "UNAVAILABLE", "The service is currently unavailable.", "UNAVAILABLE"),
}
"""FCM's status and words for a status of Apple's."""


def _apples(http: int, reason: str) -> Fault:
    more = {"@type": APNS_ERROR, "statusCode": http, "reason": reason}
    status, word, sentence, code = _WORDED.get(http, _WORDED[400])
    told = error(status, word, sentence, code, more=more)
    return Fault(f"apns-{prefix_of(reason)}", f"Apple's {reason}, handed on", status, told)


FAULTS: tuple[Fault, ...] = (
    Fault(
        "unregistered-",
        "the app was removed or the token has expired",
        404,
        error(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED"),
    ),
    Fault(
        "not-found-bare-",
        "no such project or path; says nothing about the address",
        404,
        error(404, "NOT_FOUND", "Requested entity was not found."),
    ),
    Fault(
        "invalid-token-",
        "not a token, told by the sentence",
        400,
        error(400, "INVALID_ARGUMENT", _NO_TOKEN, "INVALID_ARGUMENT"),
    ),
    Fault(
        "invalid-token-field-",
        "not a token, told by the violated field",
        400,
        error(
            400,
            "INVALID_ARGUMENT",
            _INVALID,
            "INVALID_ARGUMENT",
            [("message.token", "Invalid registration token")],
        ),
    ),
    Fault(
        "invalid-argument-",
        "the message is refused",
        400,
        error(400, "INVALID_ARGUMENT", _INVALID, "INVALID_ARGUMENT"),
    ),
    Fault(
        "payload-too-big-",
        "the message is refused for its size, without details",
        400,
        error(400, "INVALID_ARGUMENT", "Message too big"),
    ),
    Fault(
        "new-code-",
        "refused with a code nobody has heard of",
        400,
        error(400, "INVALID_ARGUMENT", _INVALID, "CODE_OF_TOMORROW"),
    ),
    Fault(
        "sender-mismatch-",
        "the token belongs to another project",
        403,
        error(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH"),
    ),
    Fault(
        "permission-denied-",
        "the service account may not send, or the API is off",
        403,
        error(403, "PERMISSION_DENIED", "Permission denied on resource project."),
    ),
    Fault(
        "third-party-auth-",
        "the APNs key or web push key in Firebase is missing or expired",
        401,
        error(401, "UNAUTHENTICATED", "Auth error from APNS or Web Push", "THIRD_PARTY_AUTH_ERROR"),
    ),
    Fault(
        "unauthenticated-",
        "the access token is refused",
        401,
        error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    ),
    Fault(
        "quota-",
        "too many messages; says when to come back",
        429,
        error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", "QUOTA_EXCEEDED"),
        {"Retry-After": "30"},
    ),
    Fault(
        "quota-bare-",
        "too many messages; does not say when to come back",
        429,
        error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", "QUOTA_EXCEEDED"),
    ),
    Fault(
        "quota-date-",
        "too many messages; says when to come back as a date, 90 s ahead",
        429,
        error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", "QUOTA_EXCEEDED"),
        {"Retry-After": BY_DATE},
    ),
    _quota("quota-device-", "one device", "device:token", "Device message rate exceeded."),
    _quota("quota-project-", "the project", "project:demo", "Messages per minute per project."),
    *(_apples(http, reason) for http, reason in REASONS),
    Fault(
        "internal-",
        "an internal error, after which the message may have gone out",
        500,
        error(500, "INTERNAL", "Internal error encountered.", "INTERNAL"),
    ),
    Fault(
        "unspecified-",
        "an error without further information",
        500,
        error(500, "INTERNAL", "Internal error encountered.", "UNSPECIFIED_ERROR"),
    ),
    Fault(
        "unavailable-",
        "overloaded; says when to come back",
        503,
        error(503, "UNAVAILABLE", "The service is currently unavailable.", "UNAVAILABLE"),
        _SOON,
    ),
    Fault(
        "unavailable-bare-",
        "overloaded; does not say when to come back",
        503,
        error(503, "UNAVAILABLE", "The service is currently unavailable.", "UNAVAILABLE"),
    ),
    Fault(
        "bad-gateway-",
        "Google's front end, in HTML: try again in 30 seconds",
        502,
        _PAGE,
        content_type="text/html",
    ),
    Fault(
        "gateway-timeout-",
        "Google's front end waited in vain",
        504,
        error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    ),
    Fault("redirect-", "sent elsewhere", 302, headers={"Location": "/elsewhere"}),
    Fault(
        "slow-",
        "accepted, but answered after slow_seconds",
        body=b'{"name":"projects/late/messages/0:1"}',
        kind=FaultKind.SLOW,
        taken=True,
    ),
    Fault("reset-", "the connection is reset instead of an answer", kind=FaultKind.RESET),
    Fault("closed-", "the connection is closed instead of an answer", kind=FaultKind.CLOSE),
    Fault("lost-", "accepted, and closed instead of an answer", kind=FaultKind.CLOSE, taken=True),
    Fault(
        "cut-", "accepted, but closed in the middle of the answer", kind=FaultKind.CUT, taken=True
    ),
    Fault("babble-", "accepted, but the answer is not HTTP", kind=FaultKind.BABBLE, taken=True),
    Fault(
        "garbage-", "accepted, but the answer is not JSON", body=b'{"name": \xff\x00', taken=True
    ),
    Fault("html-", "accepted, but the answer is a page", 200, _PAGE, {}, "text/html", taken=True),
    Fault("huge-", "accepted, with an answer of 64 MiB", kind=FaultKind.HUGE, taken=True),
)

FAULT_TABLE: FaultTable[Fault] = FaultTable(FAULTS)

PASSING: tuple[str, ...] = ("unavailable-", "internal-", "reset-", "closed-", "lost-", "cut-")
"""Transient faults: ``fault_ratio`` chooses among them unless others are named."""
