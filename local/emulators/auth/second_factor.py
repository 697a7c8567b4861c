"""The calls of version 2 about a second factor: an authenticator app's numbers (TOTP, RFC 6238)."""

import base64
import hashlib
import hmac
import secrets
import struct
import time
from datetime import UTC, datetime

from pydantic import Field

from local.emulators.auth.accounts import Account, Factor, Json, Refusal, required
from local.emulators.auth.calls import Body, Call, Caller, not_implemented, pending_sign_in

PERIOD_SECONDS = 30
DIGITS = 6
ADJACENT = 5
"""How many numbers before and after the current one are taken as well: Google's default."""


def number(secret: str, at: float) -> str:
    """Compute the number that an authenticator app shows at this moment."""
    key = base64.b32decode(secret)
    digest = hmac.new(key, struct.pack(">Q", int(at) // PERIOD_SECONDS), hashlib.sha1).digest()
    start = digest[-1] & 0xF
    (value,) = struct.unpack(">I", digest[start : start + 4])
    return f"{(value & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}}"


def _matches(secret: str, code: str) -> bool:
    now = time.time()
    steps = range(-ADJACENT, ADJACENT + 1)
    return code in {number(secret, now + step * PERIOD_SECONDS) for step in steps}


class Verification(Body):
    """The number a person reads off their app, and at enrolment the session it belongs to."""

    verification_code: str = ""
    session_info: str = ""


class StartEnrollment(Body):
    """``accounts/mfaEnrollment:start``."""

    id_token: str | None = None
    totp_enrollment_info: Json | None = None


def start_enrollment(caller: Caller, body: StartEnrollment) -> Json:
    """Make up a secret for the account's app."""
    account, _ = caller.named(None, body.id_token)
    if body.totp_enrollment_info is None:
        raise not_implemented("a second factor other than TOTP")
    if not account.email_verified:
        raise Refusal(
            "UNVERIFIED_EMAIL : Need to verify email first before enrolling second factors."
        )
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    account.enrolling = secret
    session = {
        "sharedSecretKey": secret,
        "verificationCodeLength": DIGITS,
        "hashingAlgorithm": "SHA1",
        "periodSec": PERIOD_SECONDS,
        "sessionInfo": secrets.token_urlsafe(16),
    }
    return {"totpSessionInfo": session}


class FinalizeEnrollment(Body):
    """``accounts/mfaEnrollment:finalize``."""

    id_token: str | None = None
    display_name: str = ""
    totp_verification_info: Verification = Field(default_factory=Verification)


def finalize_enrollment(caller: Caller, body: FinalizeEnrollment) -> Json:
    """Keep the secret once the person has shown a number made with it."""
    account, _ = caller.named(None, body.id_token)
    secret = required(account.enrolling, "INVALID_SESSION_INFO")
    if not _matches(secret, body.totp_verification_info.verification_code):
        raise Refusal("INVALID_CODE")
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    account.factor = Factor(secrets.token_hex(8), secret, body.display_name, at)
    account.enrolling = None
    return caller.signed_in(account, "password", second_factor=True) | {"totpAuthInfo": {}}


class FinalizeSignIn(Body):
    """``accounts/mfaSignIn:finalize``."""

    mfa_pending_credential: str | None = None
    mfa_enrollment_id: str = ""
    totp_verification_info: Verification = Field(default_factory=Verification)


def finalize_sign_in(caller: Caller, body: FinalizeSignIn) -> Json:
    """Sign in whoever gave the password before, and now the number."""
    account = _waiting(
        caller, required(body.mfa_pending_credential, "MISSING_MFA_PENDING_CREDENTIAL")
    )
    factor = account.factor
    if factor is None or factor.id != body.mfa_enrollment_id:
        raise Refusal("MFA_ENROLLMENT_NOT_FOUND")
    if not _matches(factor.secret, body.totp_verification_info.verification_code):
        raise Refusal("INVALID_CODE")
    return caller.signed_in(account, "password", second_factor=True)


def _waiting(caller: Caller, credential: str) -> Account:
    account = caller.accounts.get(pending_sign_in(credential))
    if account is None or account.disabled:
        raise Refusal("INVALID_PENDING_TOKEN")
    return account


SECOND_FACTOR_CALLS = {
    "mfaEnrollment:start": Call(StartEnrollment, start_enrollment),
    "mfaEnrollment:finalize": Call(FinalizeEnrollment, finalize_enrollment),
    "mfaSignIn:finalize": Call(FinalizeSignIn, finalize_sign_in),
}
