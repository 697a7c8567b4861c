"""Apple's checks of a request, in Apple's words: who sends it, its headers, its payload.

A token's signature is checked only against the keys that the emulator was given; its form, its age
and how often it changes always are. ``bearer`` is written in lower case, as Apple documents it.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import jwt
import orjson

from local.emulators.apns.payload import NOT_SHOWN, would_show

MOST_PAYLOAD_BYTES = 4096
MOST_VOIP_BYTES = 5120
MOST_COLLAPSE_ID_BYTES = 64
MOST_TOKEN_AGE_SECONDS = 3600
MOST_SKEW_SECONDS = 120

PUSH_TYPES = {"alert", "background", "location", "voip", "complication", "fileprovider", "mdm"} | {
    "liveactivity",
    "pushtotalk",
    "widgets",
    "controls",
}
ONCE_ONLY = ("authorization", "apns-id", "apns-topic", "apns-push-type", "apns-priority")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PATH = re.compile(r"(?:/(sandbox))?/3/device/([^/?#]*)")

Headers = Sequence[tuple[str, str]]


class Refused(Exception):
    """Error with a status and one of Apple's reasons."""

    def __init__(self, http: int, reason: str) -> None:
        super().__init__(reason)
        self.http = http
        self.reason = reason


@dataclass(slots=True)
class Caller:
    """Peer of a connection: the topics of its certificate, or the key of its tokens."""

    topics: frozenset[str] | None = None
    key_id: str = ""


@dataclass(slots=True)
class TokenRules:
    """Rules for provider tokens: known keys (PEM, by key id), and when a new token is too soon."""

    keys: Mapping[str, str] = field(default_factory=dict)
    update_seconds: float = 0.0
    _newest: dict[str, tuple[str, float]] = field(default_factory=dict)

    def check(self, authorization: str, caller: Caller) -> None:
        """Check the authorization header. Raises ``Refused``."""
        scheme, _, token = authorization.partition(" ")
        if scheme != "bearer" or not token:
            raise Refused(403, "MissingProviderToken")
        key_id, issued_at = _read(token, self.keys.get(_key_id(token), ""))
        age = time.time() - issued_at
        if age > MOST_TOKEN_AGE_SECONDS:
            raise Refused(403, "ExpiredProviderToken")
        if age < -MOST_SKEW_SECONDS:
            raise Refused(403, "InvalidProviderToken")
        if caller.key_id not in ("", key_id):
            raise Refused(403, "UnrelatedKeyIdInToken")
        caller.key_id = key_id
        self._check_update(key_id, token)

    def _check_update(self, key_id: str, token: str) -> None:
        known, since = self._newest.get(key_id, ("", 0.0))
        if token == known:
            return
        if time.time() - since < self.update_seconds:
            raise Refused(429, "TooManyProviderTokenUpdates")
        self._newest[key_id] = (token, time.time())


def _key_id(token: str) -> str:
    try:
        head = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise Refused(403, "InvalidProviderToken") from None
    return str(head.get("kid", "")) if head.get("alg") == "ES256" else ""


@lru_cache(maxsize=64)
def _read(token: str, key: str) -> tuple[str, int]:
    """Return the key id and the time of issue."""
    options: dict[str, object] = {"verify_signature": bool(key), "verify_iat": False}
    try:
        claims = jwt.decode(token, key, algorithms=["ES256"], options=options)  # type: ignore[arg-type]
    except jwt.InvalidTokenError:
        raise Refused(403, "InvalidProviderToken") from None
    key_id, issued_at = _key_id(token), claims.get("iat")
    signature = token.rpartition(".")[2]
    if (
        len(key_id) != 10
        or not claims.get("iss")
        or not isinstance(issued_at, int)
        or not signature
    ):
        raise Refused(403, "InvalidProviderToken")
    return key_id, issued_at


# ---- the request -----------------------------------------------------------------------------


def where(method: str, path: str) -> tuple[str, str]:
    """Read environment and device token from the path. Raises ``Refused``."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Refused(404, "BadPath")
    if method != "POST":
        raise Refused(405, "MethodNotAllowed")
    if not found[2]:
        raise Refused(400, "MissingDeviceToken")
    return found[1] or "production", found[2]


def check(headers: Headers, body: bytes, caller: Caller, tokens: TokenRules) -> object:
    """Check a request; return its payload. Raises ``Refused``."""
    names = [name for name, _ in headers]
    if any(names.count(name) > 1 for name in ONCE_ONLY):
        raise Refused(400, "DuplicateHeaders")
    given = dict(headers)
    if caller.topics is None or "authorization" in given:
        tokens.check(given.get("authorization", ""), caller)
    _check_topic(given, caller)
    _check_headers(given)
    return _payload(given, body)


def _check_topic(headers: Mapping[str, str], caller: Caller) -> None:
    topic = headers.get("apns-topic", "")
    if not topic and (caller.topics is None or len(caller.topics) > 1):
        raise Refused(400, "MissingTopic")
    if not re.fullmatch(r"[A-Za-z0-9.-]*", topic):
        raise Refused(400, "BadTopic")
    if topic and caller.topics and topic not in caller.topics:
        raise Refused(400, "TopicDisallowed")


def _check_headers(headers: Mapping[str, str]) -> None:
    kind, priority = headers.get("apns-push-type", ""), headers.get("apns-priority", "10")
    if "apns-id" in headers and not _UUID.fullmatch(headers["apns-id"]):
        raise Refused(400, "BadMessageId")
    if not re.fullmatch(r"\d{1,15}", headers.get("apns-expiration", "0"), re.ASCII):
        raise Refused(400, "BadExpirationDate")
    if priority not in {"10", "5", "1"} or (kind == "background" and priority == "10"):
        raise Refused(400, "BadPriority")
    if len(headers.get("apns-collapse-id", "").encode()) > MOST_COLLAPSE_ID_BYTES:
        raise Refused(400, "BadCollapseId")
    if kind and kind not in PUSH_TYPES:
        raise Refused(400, "InvalidPushType")


def _payload(headers: Mapping[str, str], body: bytes) -> object:
    voip = headers.get("apns-push-type") == "voip"
    if len(body) > (MOST_VOIP_BYTES if voip else MOST_PAYLOAD_BYTES):
        raise Refused(413, "PayloadTooLarge")
    try:
        payload: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(400, "PayloadEmpty") from None
    if not isinstance(payload, dict) or not payload:
        raise Refused(400, "PayloadEmpty")
    if not would_show(headers.get("apns-push-type", ""), payload):
        raise Refused(400, NOT_SHOWN)
    return payload
