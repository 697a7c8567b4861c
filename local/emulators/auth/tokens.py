"""The tokens of the sign-in emulator: ID and refresh tokens that it issues, custom ones it accepts.

None is signed, as with Google's own emulator. A refresh token carries its account's session instead
of being remembered, so any number of sign-ins costs no memory.
"""

import time
from dataclasses import dataclass
from typing import Any

import jwt

from local.emulators.auth.accounts import Account, Accounts, Json, Refusal, checked_claims

SECONDS_VALID = 3600
CARRIED = {"project", "uid", "session", "provider", "claims", "factor"}
"""Fields of a refresh token."""
CUSTOM_TOKEN_AUDIENCE = (
    "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Account that signed in, how it did, and what the custom token adds to its claims.

    ``factor`` is the id of the second factor that was given.
    """

    project: str
    account: Account
    provider: str
    claims: Json
    factor: str = ""

    def tokens(self) -> Json:
        """Build the part of an answer that every sign-in has."""
        return {
            "idToken": self.id_token(),
            "refreshToken": self.refresh_token(),
            "expiresIn": str(SECONDS_VALID),
        }

    def id_token(self) -> str:
        """Issue an ID token for the next hour."""
        account, now = self.account, int(time.time())
        identities: Json = {}
        if account.email:
            identities["email"] = [account.email]
        if account.phone_number:
            identities["phone"] = [account.phone_number]
        profile = {
            "name": account.display_name,
            "picture": account.photo_url,
            "email": account.email,
            "email_verified": account.email_verified if account.email else None,
            "phone_number": account.phone_number,
            "provider_id": "anonymous" if self.provider == "anonymous" else None,
        }
        second = {"sign_in_second_factor": "totp", "second_factor_identifier": self.factor}
        claims = {
            **account.claims,
            **self.claims,
            **{name: value for name, value in profile.items() if value is not None},
            "iss": issuer(self.project),
            "aud": self.project,
            "auth_time": int(account.signed_in_at or now),
            "user_id": account.uid,
            "sub": account.uid,
            "iat": now,
            "exp": now + SECONDS_VALID,
            "firebase": {
                "identities": identities,
                "sign_in_provider": self.provider,
                **(second if self.factor else {}),
            },
        }
        return jwt.encode(claims, "", algorithm="none")

    def refresh_token(self) -> str:
        """Issue a refresh token for as long as the account's session lasts."""
        carried = {
            "project": self.project,
            "uid": self.account.uid,
            "session": self.account.session,
            "provider": self.provider,
            "claims": self.claims,
            "factor": self.factor,
        }
        return jwt.encode(carried, "", algorithm="none")


def issuer(project: str) -> str:
    """Return the issuer of the project's ID tokens."""
    return f"https://securetoken.google.com/{project}"


def read_id_token(project: str, accounts: Accounts, token: str) -> SignIn:
    """Read the sign-in from an ID token, while it is valid."""
    claims = _read(token, "INVALID_ID_TOKEN")
    if claims.get("iss") != issuer(project) or claims.get("aud") != project:
        raise Refusal("INVALID_ID_TOKEN")
    account = _account(accounts, claims.get("sub"))
    if claims.get("iat", 0) < account.valid_since or claims.get("exp", 0) < time.time():
        raise Refusal("TOKEN_EXPIRED")
    how = claims.get("firebase", {})
    provider = how.get("sign_in_provider", "custom")
    return SignIn(project, account, provider, {}, how.get("second_factor_identifier", ""))


def refresh_project(token: str) -> str:
    """Return the project a refresh token belongs to."""
    return str(_carried(token)["project"])


def read_refresh_token(accounts: Accounts, token: str) -> SignIn:
    """Read the sign-in that a refresh token continues."""
    carried = _carried(token)
    account = _account(accounts, carried["uid"])
    if carried["session"] != account.session:
        raise Refusal("TOKEN_EXPIRED")
    return SignIn(
        carried["project"], account, carried["provider"], carried["claims"], carried["factor"]
    )


def read_custom_token(token: str) -> tuple[str, Json]:
    """Read uid and claims of a custom token, which may be signed; the signature is not checked."""
    claims = _read(token, "INVALID_CUSTOM_TOKEN : Invalid assertion format")
    if claims.get("aud") != CUSTOM_TOKEN_AUDIENCE:
        raise Refusal(f"INVALID_CUSTOM_TOKEN : the audience is not {CUSTOM_TOKEN_AUDIENCE}")
    uid = claims.get("uid")
    if not isinstance(uid, str) or not uid:
        raise Refusal("MISSING_IDENTIFIER")
    return uid, checked_claims(claims.get("claims", {}))


def _carried(token: str) -> Json:
    carried = _read(token, "INVALID_REFRESH_TOKEN")
    if not carried.keys() >= CARRIED:
        raise Refusal("INVALID_REFRESH_TOKEN")
    return carried


def _account(accounts: Accounts, uid: object) -> Account:
    account = accounts.get(uid) if isinstance(uid, str) else None
    if account is None:
        raise Refusal("USER_NOT_FOUND")
    if account.disabled:
        raise Refusal("USER_DISABLED")
    return account


def _read(token: str, refusal: str) -> dict[str, Any]:
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise Refusal(refusal) from None
