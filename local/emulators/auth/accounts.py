"""The accounts of a project, in memory, and Google's words for refusals.

Passwords are kept as salted hashes even here: people type real ones into local logins.
"""

import hashlib
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from local.emulators.auth.mail import Mail

SHORTEST_PASSWORD = 6
LONGEST_UID = 128
LARGEST_CLAIMS = 1000
UID_CHARACTERS = 28
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
RESERVED_CLAIMS = frozenset(
    {
        "iss",
        "aud",
        "sub",
        "iat",
        "exp",
        "nbf",
        "jti",
        "nonce",
        "azp",
        "acr",
        "amr",
        "cnf",
        "auth_time",
        "firebase",
        "at_hash",
        "c_hash",
    }
)

Json = dict[str, Any]


class Refusal(Exception):
    """Error that is answered, with a message that clients match on."""

    def __init__(self, message: str, code: int = 400, status: str = "INVALID_ARGUMENT") -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def required(value: str | None, message: str) -> str:
    """Return ``value``, or refuse with ``message`` if it is empty."""
    if not value:
        raise Refusal(message)
    return value


@dataclass(frozen=True, slots=True)
class Password:
    """Salted hash of a password."""

    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, text: str) -> Self:
        """Hash a new password."""
        if len(text) < SHORTEST_PASSWORD:
            raise Refusal(
                f"WEAK_PASSWORD : Password should be at least {SHORTEST_PASSWORD} characters"
            )
        salt = secrets.token_bytes(16)
        return cls(salt, _digest(text, salt))

    def matches(self, text: str) -> bool:
        """Tell whether this is the password."""
        return secrets.compare_digest(self.digest, _digest(text, self.salt))


def _digest(text: str, salt: bytes) -> bytes:
    return hashlib.scrypt(text.encode(), salt=salt, n=1024, r=8, p=1)


@dataclass(frozen=True, slots=True)
class Factor:
    """Second factor: the secret of an authenticator app."""

    id: str
    secret: str
    name: str
    enrolled_at: str

    def as_json(self) -> Json:
        """Convert the factor to what is shown of it, which is not its secret."""
        shown = {"mfaEnrollmentId": self.id, "enrolledAt": self.enrolled_at, "totpInfo": {}}
        return shown | ({"displayName": self.name} if self.name else {})


def _session() -> str:
    return secrets.token_hex(8)


@dataclass(slots=True)
class Account:
    """Person or device that can sign in."""

    uid: str
    email: str | None = None
    email_verified: bool = False
    display_name: str | None = None
    photo_url: str | None = None
    phone_number: str | None = None
    disabled: bool = False
    custom_auth: bool = False
    claims: Json = field(default_factory=dict)
    password: Password | None = None
    created_at: float = field(default_factory=time.time)
    signed_in_at: float | None = None
    refreshed_at: float | None = None
    factor: Factor | None = None
    enrolling: str | None = None
    """Secret of a factor that is not there yet."""
    valid_since: int = 0
    """ID tokens issued before this second are refused."""
    session: str = field(default_factory=_session)
    """Refresh tokens carry it; a new session revokes them all, even those of this very second."""

    def revoke(self, since: int | None = None) -> None:
        """End every session."""
        self.valid_since = int(time.time()) if since is None else since
        self.session = _session()

    def as_json(self) -> Json:
        """Convert the account to what ``accounts:lookup`` shows, which is not its password."""
        shown: Json = {
            "localId": self.uid,
            "email": self.email,
            "emailVerified": self.email_verified,
            "displayName": self.display_name,
            "photoUrl": self.photo_url,
            "phoneNumber": self.phone_number,
            "disabled": self.disabled,
            "customAuth": self.custom_auth or None,
            "customAttributes": json.dumps(self.claims) if self.claims else None,
            "validSince": str(self.valid_since),
            "createdAt": _milliseconds(self.created_at),
            "lastLoginAt": _milliseconds(self.signed_in_at),
            "lastRefreshAt": _iso(self.refreshed_at),
            "providerUserInfo": self._providers(),
            "mfaInfo": [self.factor.as_json()] if self.factor else None,
        }
        return {name: value for name, value in shown.items() if value is not None}

    def _providers(self) -> list[Json]:
        providers = []
        if self.email and self.password:
            names = {"rawId": self.email, "federatedId": self.email, "email": self.email}
            providers.append({"providerId": "password", **names})
        if self.phone_number:
            names = {"rawId": self.phone_number, "phoneNumber": self.phone_number}
            providers.append({"providerId": "phone", **names})
        return providers


def _milliseconds(at: float | None) -> str | None:
    return None if at is None else str(int(at * 1000))


def _iso(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Accounts:
    """Accounts of one project."""

    def __init__(self) -> None:
        self._by_uid: dict[str, Account] = {}
        self.mails: dict[str, Mail] = {}
        """What was sent and not used yet, by the code in its link."""

    def add(self, uid: str | None) -> Account:
        """Create an account, under a new uid when none is given."""
        uid = uid or secrets.token_urlsafe(UID_CHARACTERS)[:UID_CHARACTERS]
        if len(uid) > LONGEST_UID:
            raise Refusal("INVALID_LOCAL_ID")
        if uid in self._by_uid:
            raise Refusal("DUPLICATE_LOCAL_ID")
        account = self._by_uid[uid] = Account(uid)
        return account

    def get(self, uid: str) -> Account | None:
        """Return the account of this uid, if any."""
        return self._by_uid.get(uid)

    def by_email(self, email: str) -> Account | None:
        """Find the account of this address, in whatever case it is written."""
        return next((it for it in self._by_uid.values() if it.email == email.lower()), None)

    def by_phone(self, number: str) -> Account | None:
        """Find the account of this phone number, if any."""
        return next((it for it in self._by_uid.values() if it.phone_number == number), None)

    def free_email(self, email: str, owner: str | None = None) -> str:
        """Return the address as it is stored; refuse a malformed one, and another account's."""
        if not EMAIL.fullmatch(email):
            raise Refusal("INVALID_EMAIL")
        taken = self.by_email(email)
        if taken and taken.uid != owner:
            raise Refusal("EMAIL_EXISTS")
        return email.lower()

    def free_phone(self, number: str, owner: str | None = None) -> str:
        """Return the number; refuse another account's."""
        taken = self.by_phone(number)
        if taken and taken.uid != owner:
            raise Refusal("PHONE_NUMBER_EXISTS")
        return number

    def put(self, account: Account) -> None:
        """Store the account as it is now."""
        self._by_uid[account.uid] = account

    def remove(self, account: Account) -> None:
        """Delete an account."""
        del self._by_uid[account.uid]

    def clear(self) -> None:
        """Delete them all."""
        self._by_uid.clear()
        self.mails.clear()

    def all(self) -> list[Account]:
        """List every account, in the order they were created."""
        return list(self._by_uid.values())

    def page(self, size: int, after: str) -> tuple[list[Account], str]:
        """Return one page in the order of uids, and the token of the next: the last uid of this
        one.
        """
        uids = sorted(uid for uid in self._by_uid if uid > after)
        page = [self._by_uid[uid] for uid in uids[:size]]
        return page, page[-1].uid if len(uids) > size else ""


def read_claims(serialized: str) -> Json:
    """Read custom claims as an administrator sets them: a JSON object, in JSON."""
    if len(serialized) > LARGEST_CLAIMS:
        raise Refusal("CLAIMS_TOO_LARGE")
    try:
        claims = json.loads(serialized)
    except ValueError:
        raise Refusal("INVALID_CLAIMS") from None
    return checked_claims(claims)


def checked_claims(claims: object) -> Json:
    """Return claims that may stand in an ID token beside Google's own; refuse others."""
    if not isinstance(claims, dict):
        raise Refusal("INVALID_CLAIMS")
    if reserved := sorted(RESERVED_CLAIMS & claims.keys()):
        raise Refusal(f"FORBIDDEN_CLAIM : {reserved[0]}")
    return claims
