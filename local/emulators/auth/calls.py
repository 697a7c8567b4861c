"""The calls that create an account or sign in to it, and what every call has in common.

An administrator (``Bearer owner``, as the Admin SDK sends it) may name any account; every other
caller acts on the account that their ID token names.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from local.emulators.auth.accounts import Account, Accounts, Json, Password, Refusal, required
from local.emulators.auth.tokens import (
    SECONDS_VALID,
    SignIn,
    read_custom_token,
    read_id_token,
    read_refresh_token,
)

SECONDS_PENDING = 600


def not_implemented(what: str) -> Refusal:
    """Create the refusal of what Google's emulator does and this one does not."""
    return Refusal(f"{what} is not part of this emulator", 501, "NOT_IMPLEMENTED")


class Body(BaseModel):
    """Body of a call; fields that are not known are ignored, as Google does."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="ignore")


@dataclass(frozen=True, slots=True)
class Caller:
    """Administrator or account that calls, and the project it calls on."""

    project: str
    accounts: Accounts
    administrator: bool
    origin: str = ""
    """Address under which the caller reaches us."""

    def named(self, uid: str | None, id_token: str | None) -> tuple[Account, SignIn | None]:
        """Return the account a call is about, and the sign-in when it was named by an ID token."""
        if id_token or not self.administrator:
            token = required(id_token, "MISSING_ID_TOKEN")
            sign_in = read_id_token(self.project, self.accounts, token)
            return sign_in.account, sign_in
        account = self.accounts.get(required(uid, "MISSING_LOCAL_ID"))
        if account is None:
            raise Refusal("USER_NOT_FOUND")
        return account, None

    def signed_in(
        self,
        account: Account,
        provider: str,
        claims: Json | None = None,
        *,
        second_factor: bool = False,
    ) -> Json:
        """Note the sign-in and give out its tokens."""
        account.signed_in_at = time.time()
        factor = account.factor.id if account.factor and second_factor else ""
        return SignIn(self.project, account, provider, claims or {}, factor).tokens()


class SignUp(Body):
    """``accounts:signUp``, and the Admin SDK's ``create_user``."""

    local_id: str | None = None
    id_token: str | None = None
    email: str | None = None
    password: str | None = None
    display_name: str | None = None
    photo_url: str | None = None
    phone_number: str | None = None
    email_verified: bool = False
    disabled: bool = False


def sign_up(caller: Caller, body: SignUp) -> Json:
    """Create an account; whoever creates their own is signed in with it."""
    if body.id_token:
        raise not_implemented("linking an account")
    return _created(caller, body) if caller.administrator else _signed_up(caller, body)


def _created(caller: Caller, body: SignUp) -> Json:
    email = caller.accounts.free_email(body.email) if body.email else None
    phone = caller.accounts.free_phone(body.phone_number) if body.phone_number else None
    password = Password.of(body.password) if body.password else None
    account = caller.accounts.add(body.local_id)
    account.email, account.phone_number, account.password = email, phone, password
    account.display_name, account.photo_url = body.display_name, body.photo_url
    account.email_verified, account.disabled = body.email_verified, body.disabled
    return about(account, "SignupNewUserResponse")


def _signed_up(caller: Caller, body: SignUp) -> Json:
    if body.local_id:
        raise Refusal("UNEXPECTED_PARAMETER : User ID")
    email, password = None, None
    if body.email is not None or body.password is not None:
        email = caller.accounts.free_email(required(body.email, "MISSING_EMAIL"))
        password = Password.of(required(body.password, "MISSING_PASSWORD"))
    account = caller.accounts.add(None)
    account.email, account.password, account.display_name = email, password, body.display_name
    tokens = caller.signed_in(account, "password" if email else "anonymous")
    return about(account, "SignupNewUserResponse") | tokens


class PasswordSignIn(Body):
    """``accounts:signInWithPassword``."""

    email: str | None = None
    password: str | None = None


def sign_in_with_password(caller: Caller, body: PasswordSignIn) -> Json:
    """Sign in; the refusals tell apart what production no longer does."""
    email = required(body.email, "MISSING_EMAIL")
    password = required(body.password, "MISSING_PASSWORD")
    account = caller.accounts.by_email(email)
    if account is None:
        raise Refusal("EMAIL_NOT_FOUND")
    if account.disabled:
        raise Refusal("USER_DISABLED")
    if account.password is None or not account.password.matches(password):
        raise Refusal("INVALID_PASSWORD")
    if account.factor:
        return about(account, "VerifyPasswordResponse") | {
            "mfaPendingCredential": _pending(account),
            "mfaInfo": [account.factor.as_json()],
        }
    tokens = caller.signed_in(account, "password")
    return about(account, "VerifyPasswordResponse") | {"registered": True} | tokens


def _pending(account: Account) -> str:
    """Issue what is exchanged for tokens once the second factor is given, in ten minutes."""
    claims = {"pending": account.uid, "exp": int(time.time()) + SECONDS_PENDING}
    return jwt.encode(claims, "", algorithm="none")


def pending_sign_in(credential: str) -> str:
    """Read whose sign-in waits for its second factor."""
    try:
        claims = jwt.decode(credential, options={"verify_signature": False, "verify_exp": True})
        return str(claims["pending"])
    except (jwt.InvalidTokenError, KeyError):
        raise Refusal("INVALID_PENDING_TOKEN") from None


class CustomTokenSignIn(Body):
    """``accounts:signInWithCustomToken``."""

    token: str = ""


def sign_in_with_custom_token(caller: Caller, body: CustomTokenSignIn) -> Json:
    """Sign in as the token's uid, whose account is created when it is the first time."""
    uid, claims = read_custom_token(required(body.token, "MISSING_CUSTOM_TOKEN"))
    known = caller.accounts.get(uid)
    if known and known.disabled:
        raise Refusal("USER_DISABLED")
    account = known or caller.accounts.add(uid)
    account.custom_auth = True
    tokens = caller.signed_in(account, "custom", claims)
    return {"kind": kind("VerifyCustomTokenResponse"), "isNewUser": known is None, **tokens}


class Grant(Body):
    """``securetoken.googleapis.com/v1/token``, whose words are written with underscores."""

    grant_type: str = Field(default="", validation_alias=AliasChoices("grant_type", "grantType"))
    refresh_token: str = Field(
        default="", validation_alias=AliasChoices("refresh_token", "refreshToken")
    )


def grant(caller: Caller, body: Grant) -> Json:
    """Exchange a refresh token for a fresh ID token."""
    if required(body.grant_type, "MISSING_GRANT_TYPE") != "refresh_token":
        raise Refusal("INVALID_GRANT_TYPE")
    token = required(body.refresh_token, "MISSING_REFRESH_TOKEN")
    sign_in = read_refresh_token(caller.accounts, token)
    sign_in.account.refreshed_at = time.time()
    id_token = sign_in.id_token()
    return {
        "id_token": id_token,
        "access_token": id_token,
        "expires_in": str(SECONDS_VALID),
        "refresh_token": sign_in.refresh_token(),
        "token_type": "Bearer",
        "user_id": sign_in.account.uid,
        "project_id": sign_in.project,
    }


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of call: the type of its body, and the function that carries it out."""

    read: type[Body]
    act: Callable[[Caller, Any], Json]

    def __call__(self, caller: Caller, body: Json) -> Json:
        try:
            read = self.read.model_validate(body)
        except ValidationError as wrong:
            first = wrong.errors(include_url=False)[0]
            at = ".".join(str(part) for part in first["loc"])
            raise Refusal(f"Invalid JSON payload received. {at}: {first['msg']}") from wrong
        return self.act(caller, read)


def about(account: Account, answer: str) -> Json:
    """Build the fields that an answer of this kind has about the account."""
    shown = {
        "kind": kind(answer),
        "localId": account.uid,
        "email": account.email,
        "displayName": account.display_name,
        "photoUrl": account.photo_url,
    }
    return {name: value for name, value in shown.items() if value is not None}


def kind(name: str) -> str:
    """Build the word by which Google tells its answers apart."""
    return f"identitytoolkit#{name}"


SIGN_IN_CALLS = {
    "signUp": Call(SignUp, sign_up),
    "signInWithPassword": Call(PasswordSignIn, sign_in_with_password),
    "signInWithCustomToken": Call(CustomTokenSignIn, sign_in_with_custom_token),
}
GRANT = Call(Grant, grant)
