"""The APNs emulator's faults, each asked for by the beginning of a device token.

One table, listed at ``GET /prefixes``: every reason Apple documents, under its own name in lower
case (``bad-device-token-``), and every way in which an HTTP/2 answer can fail to come.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import orjson

from local.emulators.faults import FaultTable
from local.emulators.push.received import NO_ANSWER

UNREGISTERED_AT_MS = 1_700_000_000_123


class FaultKind(StrEnum):
    """Way in which a request is answered, or not."""

    ANSWER = "answer"
    SLOW = "slow"  # after ``slow_seconds``
    REFUSE = "refuse"  # RST_STREAM REFUSED_STREAM: not carried out
    RESET_STREAM = "resetStream"  # RST_STREAM INTERNAL_ERROR
    HALF = "half"  # a status, half a body, RST_STREAM
    GOAWAY_BELOW = "goawayBelow"  # names an earlier stream as the last one carried out
    GOAWAY_AT = "goawayAt"  # names this stream, and closes without an answer
    GOAWAY_ANSWERED = "goawayAnswered"  # names this stream, and answers it before closing
    CLOSE = "close"  # the connection, in order
    RESET = "reset"  # the connection, by a TCP reset
    BABBLE = "babble"  # not HTTP/2
    HUGE = "huge"  # more than anybody should read


@dataclass(frozen=True, slots=True)
class Fault:
    """Row of the table: the answer to device tokens that begin with ``prefix``."""

    prefix: str
    meaning: str
    http: int = 200
    reason: str = ""
    kind: FaultKind = FaultKind.ANSWER
    taken: bool = False
    only_in: str = ""
    """Only in this environment; accepted in the other."""

    @property
    def status(self) -> int:
        """Status that the client can have seen."""
        return self.http if self.kind in _WITH_STATUS else NO_ANSWER

    @property
    def body(self) -> bytes:
        """Body in Apple's words."""
        if self.http == 410:
            return orjson.dumps({"reason": self.reason, "timestamp": UNREGISTERED_AT_MS})
        return orjson.dumps({"reason": self.reason}) if self.reason else b""

    def as_json(self) -> dict[str, object]:
        """Convert the row to what ``GET /prefixes`` lists."""
        return {
            "prefix": self.prefix,
            "meaning": self.meaning,
            "http": self.http,
            "reason": self.reason or None,
            "act": self.kind,
            "taken": self.taken,
        }


_WITH_STATUS = frozenset({FaultKind.ANSWER, FaultKind.GOAWAY_ANSWERED})

REASONS: tuple[tuple[int, str], ...] = (
    (400, "BadCollapseId"),
    (400, "BadDeviceToken"),
    (400, "BadExpirationDate"),
    (400, "BadMessageId"),
    (400, "BadPriority"),
    (400, "BadTopic"),
    (400, "DeviceTokenNotForTopic"),
    (400, "DuplicateHeaders"),
    (400, "IdleTimeout"),
    (400, "InvalidPushType"),
    (400, "MissingDeviceToken"),
    (400, "MissingTopic"),
    (400, "PayloadEmpty"),
    (400, "TopicDisallowed"),
    (403, "BadCertificate"),
    (403, "BadCertificateEnvironment"),
    (403, "BadEnvironmentKeyInToken"),
    (403, "ExpiredProviderToken"),
    (403, "Forbidden"),
    (403, "InvalidProviderToken"),
    (403, "MissingProviderToken"),
    (403, "UnrelatedKeyIdInToken"),
    (404, "BadPath"),
    (405, "MethodNotAllowed"),
    (410, "ExpiredToken"),
    (410, "Unregistered"),
    (413, "PayloadTooLarge"),
    (429, "TooManyProviderTokenUpdates"),
    (429, "TooManyRequests"),
    (500, "InternalServerError"),
    (503, "ServiceUnavailable"),
    (503, "Shutdown"),
)


def prefix_of(reason: str) -> str:
    """Return the beginning of device tokens that are refused for this reason."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", reason).lower() + "-"


FAULTS: tuple[Fault, ...] = (
    *(Fault(prefix_of(it), f"Apple's {it}", http, it) for http, it in REASONS),
    Fault("new-reason-", "refused with a reason nobody has heard of", 400, "ReasonOfTomorrow"),
    Fault("no-reason-", "refused without a word", 400),
    Fault("bad-gateway-", "a proxy's word, not Apple's", 502),
    Fault("sandbox-only-", "a device of the sandbox", 400, "BadDeviceToken", only_in="production"),
    Fault(
        "sandbox-key-",
        "a device of the sandbox, asked for with a key for that only",
        403,
        "BadEnvironmentKeyInToken",
        only_in="production",
    ),
    Fault("production-only-", "a device of production", 400, "BadDeviceToken", only_in="sandbox"),
    Fault("slow-", "accepted, but the answer takes its time", kind=FaultKind.SLOW, taken=True),
    Fault("refused-", "the stream is refused, not carried out", kind=FaultKind.REFUSE),
    Fault(
        "reset-stream-", "accepted, and the stream reset", kind=FaultKind.RESET_STREAM, taken=True
    ),
    Fault("half-", "half of an answer, and the stream reset", 400, "Half", kind=FaultKind.HALF),
    Fault("goaway-below-", "GOAWAY, this one not carried out", kind=FaultKind.GOAWAY_BELOW),
    Fault("goaway-at-", "accepted, GOAWAY, no answer", kind=FaultKind.GOAWAY_AT, taken=True),
    Fault(
        "goaway-answered-",
        "accepted and answered after GOAWAY",
        kind=FaultKind.GOAWAY_ANSWERED,
        taken=True,
    ),
    Fault("closed-", "accepted, and the connection closed", kind=FaultKind.CLOSE, taken=True),
    Fault("reset-", "accepted, and the connection reset", kind=FaultKind.RESET, taken=True),
    Fault(
        "babble-", "accepted, and something that is not HTTP/2", kind=FaultKind.BABBLE, taken=True
    ),
    Fault("huge-", "an answer nobody should read to its end", 400, "Huge", kind=FaultKind.HUGE),
)
FAULT_TABLE: FaultTable[Fault] = FaultTable(FAULTS)
PASSING = (
    "internal-server-error-",
    "service-unavailable-",
    "shutdown-",
    "too-many-requests-",
    "refused-",
    "reset-stream-",
    "goaway-below-",
    "goaway-at-",
    "closed-",
    "reset-",
)
"""Transient faults: ``fault_ratio`` chooses among them unless others are named."""


def fault_for(token: str, attempt: int, environment: str) -> Fault | None:
    """Return the row this token asks for at this attempt; ``None`` to be accepted."""
    found = FAULT_TABLE.of(token, attempt)
    return found if found is None or found.only_in in ("", environment) else None
