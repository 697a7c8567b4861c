"""Google's OAuth token endpoint, as far as a service account needs it: the JWT-bearer grant.

Google's client library always names Google's own endpoint as audience, wherever it posts to.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

import jwt
import orjson
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from local.emulators.push.tokens import IssuedTokens

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLES_ENDPOINT = "https://oauth2.googleapis.com/token"
SCOPES = frozenset(
    f"https://www.googleapis.com/auth/{name}" for name in ("firebase.messaging", "cloud-platform")
)
LIFETIME_SECONDS = 3599
LONGEST_ASSERTION_SECONDS = 3600


class RefusedGrant(Exception):
    """Refusal of a token; ``error`` is one of OAuth's own words."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class TokenEndpoint:
    """Issuer of access tokens, which knows those it issued."""

    def __init__(self, service_account: Path | None = None) -> None:
        account = orjson.loads(service_account.read_bytes()) if service_account else {}
        self._email: str = account.get("client_email", "")
        self._key = _public_key(account["private_key"]) if account else ""
        self._issued = IssuedTokens()

    def issue(self, form: Mapping[str, object], own_url: str) -> dict[str, object]:
        """Issue a token for a good request. Raises ``RefusedGrant``."""
        if form.get("grant_type") != GRANT:
            raise RefusedGrant("unsupported_grant_type", f"Invalid grant_type, must be {GRANT}")
        claims = self._claims(str(form.get("assertion", "")), own_url)
        self._check(claims)
        token = f"ya29.{secrets.token_urlsafe(24)}"
        return self._issued.issue(token, str(claims["iss"]), LIFETIME_SECONDS)

    def knows(self, token: str) -> bool:
        """Tell whether the token was issued here and is still good."""
        return bool(self._issued.client_of(token))

    def forget(self) -> None:
        """Revoke every token issued so far."""
        self._issued.forget()

    def _claims(self, assertion: str, own_url: str) -> Mapping[str, object]:
        try:
            claims: Mapping[str, object] = jwt.decode(
                assertion,
                self._key,
                algorithms=["RS256"],
                audience=[GOOGLES_ENDPOINT, own_url],
                options={
                    "verify_signature": bool(self._key),
                    "verify_aud": True,
                    "verify_exp": True,
                    "require": ["iss", "scope", "aud", "exp", "iat"],
                },
            )
        except jwt.PyJWTError as wrong:
            raise RefusedGrant("invalid_grant", f"Invalid JWT: {wrong}") from None
        return claims

    def _check(self, claims: Mapping[str, object]) -> None:
        if not SCOPES & set(str(claims["scope"]).split()):
            raise RefusedGrant("invalid_scope", "Invalid OAuth scope or ID token audience.")
        if not claims["iss"] or (self._email and claims["iss"] != self._email):
            raise RefusedGrant("invalid_grant", "Invalid grant: account not found")
        lifetime = float(str(claims["exp"])) - float(str(claims["iat"]))
        if not 0 < lifetime <= LONGEST_ASSERTION_SECONDS:
            raise RefusedGrant("invalid_grant", "Token must be short-lived: 60 minutes at most.")


def _public_key(private_pem: str) -> str:
    public = load_pem_private_key(private_pem.encode(), None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
