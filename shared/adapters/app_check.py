"""The proof that an app is one of ours: tokens of Firebase App Check.

They are RS256 JWTs against keys Google publishes and changes, and are verified as ID tokens are,
without the admin SDK. Google says in each of them for which project it is, twice: by number, as its
issuer too, and by id.
"""

from typing import Any, Final, Protocol

import jwt

from shared.adapters.identities import CLOCK_SKEW_SECONDS, REQUIRED
from shared.domain.errors import TryAgain, Unauthenticated
from shared.settings import Settings

ISSUER: Final = "https://firebaseappcheck.googleapis.com/"
KEYS: Final = f"{ISSUER}v1/jwks"
SECONDS_KEPT: Final = 6 * 3600
"""Google's own limit for keeping the keys; one that is not known is asked for before."""


class PublishedKeys(Protocol):
    """Public keys, fetched when there are none yet or one is not known."""

    def get_signing_keys(self) -> list[Any]: ...
    def get_signing_key(self, kid: str) -> Any: ...


class FirebaseAppCheck:
    """Verifier of App Check tokens."""

    def __init__(self, project: str, keys: PublishedKeys) -> None:
        self._project = project
        self._keys = keys

    def verify(self, token: str) -> None:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != "RS256" or header.get("typ") != "JWT":
                raise _refusal("the App Check token is not valid")
            claims = jwt.decode(
                token,
                self._key(header.get("kid")),
                algorithms=["RS256"],
                audience=f"projects/{self._project}",
                leeway=CLOCK_SKEW_SECONDS,
                options={"require": REQUIRED},
            )
        except jwt.ExpiredSignatureError:
            raise _refusal("the App Check token has expired; fetch a new one") from None
        except jwt.InvalidAudienceError:
            raise _refusal("the App Check token is for another project") from None
        except jwt.PyJWTError:
            raise _refusal("the App Check token is not valid") from None
        number = str(claims["iss"]).removeprefix(ISSUER)
        audience = claims["aud"]
        if not isinstance(audience, list) or f"projects/{number}" not in audience:
            raise _refusal("the App Check token is of another issuer")
        if not claims["sub"]:
            raise _refusal("the App Check token names no app")

    def _key(self, kid: object) -> Any:
        """Find the key, or fail for now: that Google cannot be asked is nobody's forgery."""
        try:
            self._keys.get_signing_keys()
        except (jwt.PyJWTError, OSError, ValueError) as away:
            raise _away() from away
        try:
            return self._keys.get_signing_key(kid if isinstance(kid, str) else "")
        except jwt.PyJWKClientConnectionError as away:
            raise _away() from away


def app_check(settings: Settings) -> FirebaseAppCheck:
    """Create the verifier: by Google's keys, or by those of a demo project's emulator."""
    url = KEYS
    if settings.local and settings.auth_emulator:
        url = f"http://{settings.auth_emulator}/firebaseappcheck.googleapis.com/v1/jwks"
    keys = jwt.PyJWKClient(url, lifespan=SECONDS_KEPT, timeout=10)
    return FirebaseAppCheck(settings.project, keys)


def _refusal(message: str) -> Unauthenticated:
    return Unauthenticated(message, code="appCheckFailed")


def _away() -> TryAgain:
    return TryAgain("the public keys of App Check cannot be fetched right now")
