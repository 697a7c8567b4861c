"""The identity that a token proves: Firebase ID tokens and Google's OIDC tokens.

Both are RS256 JWTs against keys Google publishes; PyJWT checks them with less to import than the
admin SDK. Unsigned tokens are understood by ``DemoIdentities`` alone, which exists for demo
projects only and still checks issuer, audience and expiry: Google's emulator mode would not.
"""

import time
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import jwt

from shared.domain.errors import TryAgain, Unauthenticated
from shared.ports import Identity
from shared.settings import Settings

FIREBASE_KEYS = (
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
)
GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
GOOGLE_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
CLOCK_SKEW_SECONDS = 10
CHECKED_BY_CLOUD_RUN = "SIGNATURE_REMOVED_BY_GOOGLE"
"""Cloud Run's replacement for a signature that it has verified itself. Source: Cloud Run's
troubleshooting page, "signature removed". Cloud Run makes it where IAM guards the service, so the
marker alone proves nothing, and is refused, unless the deployment says that IAM does.
"""
REQUIRED = ["iss", "aud", "sub", "iat", "exp"]
LATEST_MOMENT = 2**53
"""A claim beyond it, or one that is no number, is no time."""


class Keys(Protocol):
    """Source of public keys, by a token's key id."""

    def get_signing_key_from_jwt(self, token: str) -> Any: ...


class GoogleIdentities:
    """Verifier of signed tokens. Keys are fetched once and kept for a few minutes."""

    def __init__(self, settings: Settings, firebase_keys: Keys, google_keys: Keys) -> None:
        self._settings = settings
        self._firebase_keys = firebase_keys
        self._google_keys = google_keys

    def verify_user(self, token: str) -> Identity:
        project = self._settings.project
        claims = self._claims(
            token, self._firebase_keys, f"https://securetoken.google.com/{project}", project
        )
        return _identity(claims)

    def verify_service(self, token: str, function: str, account: str) -> None:
        if self._settings.iam_checks_tokens and token.endswith(f".{CHECKED_BY_CLOUD_RUN}"):
            claims = _unverified(token.removesuffix(CHECKED_BY_CLOUD_RUN))
            if claims.get("iss") not in GOOGLE_ISSUERS:
                raise Unauthenticated("the token is of another issuer")
        else:
            claims = self._claims(token, self._google_keys, GOOGLE_ISSUERS, None)
        _check_service(claims, self._settings.function_url(function), function, account)

    def _claims(
        self, token: str, keys: Keys, issuer: str | tuple[str, ...], audience: str | None
    ) -> Mapping[str, Any]:
        try:
            key = keys.get_signing_key_from_jwt(token)
            return jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=issuer,
                audience=audience,
                leeway=CLOCK_SKEW_SECONDS,
                options={"require": REQUIRED, "verify_aud": audience is not None},
            )
        except jwt.PyJWKClientConnectionError as away:
            raise TryAgain("Google's public keys cannot be fetched right now") from away
        except jwt.PyJWTError as fault:
            raise Unauthenticated(_why(fault)) from None


class DemoIdentities:
    """Verifier of a demo project's unsigned tokens, as Google's own emulators issue them."""

    def __init__(self, settings: Settings) -> None:
        if not settings.local:
            raise Unauthenticated("unsigned tokens are for demo projects only")
        self._settings = settings

    def verify_user(self, token: str) -> Identity:
        project = self._settings.project
        claims = self._claims(token)
        if claims.get("iss") != f"https://securetoken.google.com/{project}":
            raise Unauthenticated("the token is of another issuer")
        if claims.get("aud") != project:
            raise Unauthenticated("the token is for another project")
        return _identity(claims)

    def verify_service(self, token: str, function: str, account: str) -> None:
        claims = self._claims(token)
        if claims.get("iss") not in GOOGLE_ISSUERS:
            raise Unauthenticated("the token is of another issuer")
        _check_service(claims, self._settings.function_url(function), function, account)

    @staticmethod
    def _claims(token: str) -> Mapping[str, Any]:
        return _unverified(token, algorithm="none")


def identities(settings: Settings) -> GoogleIdentities | DemoIdentities:
    """Create the verifier: for signatures, unless a demo project asks for emulated sign-in."""
    if settings.local and settings.auth_emulator:
        return DemoIdentities(settings)
    return GoogleIdentities(
        settings,
        jwt.PyJWKClient(FIREBASE_KEYS, timeout=10),
        jwt.PyJWKClient(GOOGLE_KEYS, timeout=10),
    )


def _unverified(token: str, algorithm: str = "") -> Mapping[str, Any]:
    """Return the claims of a token without a signature, if they hold now."""
    try:
        whole = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.PyJWTError as fault:
        raise Unauthenticated(_why(fault)) from None
    if whole["signature"] or (algorithm and whole["header"].get("alg") != algorithm):
        raise Unauthenticated("a demo project's tokens are unsigned")
    claims: Mapping[str, Any] = whole["payload"]
    _check_times(claims)
    return claims


def _identity(claims: Mapping[str, Any]) -> Identity:
    uid = claims.get("sub")
    if not isinstance(uid, str) or not 1 <= len(uid) <= 128:
        raise Unauthenticated("the token names no user")
    email = claims.get("email")
    began = _moment(claims.get("auth_time", claims["iat"]))
    if began is None or began - CLOCK_SKEW_SECONDS > time.time():
        raise Unauthenticated("the token does not say when its bearer signed in")
    return Identity(uid, email if isinstance(email, str) else "", began, claims)


def _check_service(
    claims: Mapping[str, Any], function_url: str, function: str, account: str
) -> None:
    """Check that the token is of the right account, and meant for this function.

    Cloud Tasks and Scheduler name the address we gave them; Eventarc names the function's own Cloud
    Run address, whose host begins with the function's name.
    """
    if claims.get("email") != account or claims.get("email_verified") is not True:
        raise Unauthenticated("the token is of another account")
    audience = claims.get("aud")
    if audience != function_url and not _is_run_address(str(audience), function):
        raise Unauthenticated("the token is for another function")


def _is_run_address(audience: str, function: str) -> bool:
    parts = urlsplit(audience)
    host = parts.hostname or ""
    return parts.scheme == "https" and host.endswith(".run.app") and host.startswith(f"{function}-")


def _check_times(claims: Mapping[str, Any]) -> None:
    now = time.time()
    expires, issued = _moment(claims.get("exp")), _moment(claims.get("iat"))
    if expires is None or expires + CLOCK_SKEW_SECONDS <= now:
        raise Unauthenticated("the token has expired; sign in again")
    if issued is None or issued - CLOCK_SKEW_SECONDS > now:
        raise Unauthenticated("the token is from the future")


def _moment(claim: object) -> float | None:
    """Read seconds since 1970, or ``None`` from a claim that is no possible time."""
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        return None
    return float(claim) if 0 <= claim <= LATEST_MOMENT else None


def _why(fault: jwt.PyJWTError) -> str:
    if isinstance(fault, jwt.ExpiredSignatureError):
        return "the token has expired; sign in again"
    return "the token is not valid"
