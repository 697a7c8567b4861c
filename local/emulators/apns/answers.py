"""The APNs emulator's faults, each asked for by the beginning of a device token.

One table, listed at ``GET /prefixes``: every reason Apple documents, under its own name in lower
case (``bad-device-token-``), and every way in which an HTTP/2 answer can fail to come.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import orjson

from local.emulators.faults import Wishes
from local.emulators.push.received import NO_ANSWER

UNREGISTERED_AT_MS = 1_700_000_000_123


class Act(StrEnum):
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
class Script:
    """Row of the table: the answer to device tokens that begin with ``prefix``."""

    prefix: str
    meaning: str
    http: int = 200
    reason: str = ""
    act: Act = Act.ANSWER
    taken: bool = False
    only_in: str = ""
    """Only in this environment; accepted in the other."""

    @property
    def status(self) -> int:
        """Status that the client can have seen."""
        return self.http if self.act in _SEEN else NO_ANSWER

    @property
    def body(self) -> bytes:
        """Body in Apple's words."""
        if self.http == 410:
            return orjson.dumps({"reason": self.reason, "timestamp": UNREGISTERED_AT_MS})
        return orjson.dumps({"reason": self.reason}) if self.reason else b""

    def shown(self) -> dict[str, object]:
        """Convert the row to what ``GET /prefixes`` lists."""
        return {
            "prefix": self.prefix,
            "meaning": self.meaning,
            "http": self.http,
            "reason": self.reason or None,
            "act": self.act,
            "taken": self.taken,
        }


_SEEN = frozenset({Act.ANSWER, Act.GOAWAY_ANSWERED})

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


SCRIPTS: tuple[Script, ...] = (
    *(Script(prefix_of(it), f"Apple's {it}", http, it) for http, it in REASONS),
    Script("new-reason-", "refused with a reason nobody has heard of", 400, "ReasonOfTomorrow"),
    Script("no-reason-", "refused without a word", 400),
    Script("bad-gateway-", "a proxy's word, not Apple's", 502),
    Script("sandbox-only-", "a device of the sandbox", 400, "BadDeviceToken", only_in="production"),
    Script(
        "sandbox-key-",
        "a device of the sandbox, asked for with a key for that only",
        403,
        "BadEnvironmentKeyInToken",
        only_in="production",
    ),
    Script("production-only-", "a device of production", 400, "BadDeviceToken", only_in="sandbox"),
    Script("slow-", "accepted, but the answer takes its time", act=Act.SLOW, taken=True),
    Script("refused-", "the stream is refused, not carried out", act=Act.REFUSE),
    Script("reset-stream-", "accepted, and the stream reset", act=Act.RESET_STREAM, taken=True),
    Script("half-", "half of an answer, and the stream reset", 400, "Half", act=Act.HALF),
    Script("goaway-below-", "GOAWAY, this one not carried out", act=Act.GOAWAY_BELOW),
    Script("goaway-at-", "accepted, GOAWAY, no answer", act=Act.GOAWAY_AT, taken=True),
    Script(
        "goaway-answered-",
        "accepted and answered after GOAWAY",
        act=Act.GOAWAY_ANSWERED,
        taken=True,
    ),
    Script("closed-", "accepted, and the connection closed", act=Act.CLOSE, taken=True),
    Script("reset-", "accepted, and the connection reset", act=Act.RESET, taken=True),
    Script("babble-", "accepted, and something that is not HTTP/2", act=Act.BABBLE, taken=True),
    Script("huge-", "an answer nobody should read to its end", 400, "Huge", act=Act.HUGE),
)
WISHED: Wishes[Script] = Wishes(SCRIPTS)
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


def wished(token: str, attempt: int, environment: str) -> Script | None:
    """Return the row this token asks for at this attempt; ``None`` to be accepted."""
    found = WISHED.of(token, attempt)
    return found if found is None or found.only_in in ("", environment) else None
