"""The calls that read and change existing accounts."""

from copy import copy
from dataclasses import replace

from pydantic import Field

from local.emulators.auth.accounts import Account, Accounts, Json, Password, Refusal, read_claims
from local.emulators.auth.calls import Body, Call, Caller, about, kind

LARGEST_PAGE = 1000


class Lookup(Body):
    """``accounts:lookup``."""

    id_token: str | None = None
    local_id: list[str] = Field(default_factory=list)
    email: list[str] = Field(default_factory=list)
    phone_number: list[str] = Field(default_factory=list)


def lookup(caller: Caller, body: Lookup) -> Json:
    """Return the accounts that were named; ``users`` is left out when there are none."""
    if caller.administrator and not body.id_token:
        found = [
            *map(caller.accounts.get, body.local_id),
            *map(caller.accounts.by_email, body.email),
            *map(caller.accounts.by_phone, body.phone_number),
        ]
    else:
        found = [caller.named(None, body.id_token)[0]]
    users = {account.uid: account.as_json() for account in found if account}
    answer: Json = {"kind": kind("GetAccountInfoResponse")}
    return answer | {"users": list(users.values())} if users else answer


class Update(Body):
    """``accounts:update``; claims, revoking and disabling are for administrators only."""

    local_id: str | None = None
    id_token: str | None = None
    email: str | None = None
    password: str | None = None
    display_name: str | None = None
    photo_url: str | None = None
    phone_number: str | None = None
    email_verified: bool | None = None
    disable_user: bool | None = None
    custom_attributes: str | None = None
    valid_since: int | None = None
    mfa: Json | None = None
    delete_attribute: list[str] = Field(default_factory=list)
    delete_provider: list[str] = Field(default_factory=list)


def update(caller: Caller, body: Update) -> Json:
    """Change an account: all of what is asked, or nothing when any of it is refused."""
    account, sign_in = caller.named(body.local_id, body.id_token)
    changed = copy(account)
    _change_login(changed, body, caller.accounts)
    changed.display_name = body.display_name or account.display_name
    changed.photo_url = body.photo_url or account.photo_url
    if sign_in is None:
        _administer(changed, body, caller.accounts)
    elif body.disable_user is not None:
        raise Refusal("OPERATION_NOT_ALLOWED")
    _delete_parts(changed, body)
    caller.accounts.put(changed)
    answer = about(changed, "SetAccountInfoResponse") | {"emailVerified": changed.email_verified}
    if sign_in and changed.session != account.session:
        answer |= replace(sign_in, account=changed).tokens()
    return answer


def _change_login(account: Account, body: Update, accounts: Accounts) -> None:
    """Change address or password; a new one ends every session."""
    if body.email and body.email.lower() != account.email:
        account.email = accounts.free_email(body.email, account.uid)
        account.email_verified = False
        account.revoke()
    if body.password:
        account.password = Password.of(body.password)
        account.revoke()


def _administer(account: Account, body: Update, accounts: Accounts) -> None:
    if body.phone_number:
        account.phone_number = accounts.free_phone(body.phone_number, account.uid)
    if body.custom_attributes is not None:
        account.claims = read_claims(body.custom_attributes)
    if body.email_verified is not None:
        account.email_verified = body.email_verified
    if body.disable_user is not None:
        account.disabled = body.disable_user
    if body.valid_since is not None:
        account.revoke(body.valid_since)
    if body.mfa is not None:
        kept = {str(each.get("mfaEnrollmentId")) for each in body.mfa.get("enrollments", ())}
        if account.factor and account.factor.id not in kept:
            account.factor = None


def _delete_parts(account: Account, body: Update) -> None:
    if "DISPLAY_NAME" in body.delete_attribute:
        account.display_name = None
    if "PHOTO_URL" in body.delete_attribute:
        account.photo_url = None
    if "phone" in body.delete_provider:
        account.phone_number = None
    if "password" in body.delete_provider:
        account.email, account.email_verified, account.password = None, False, None


class Delete(Body):
    """``accounts:delete``."""

    local_id: str | None = None
    id_token: str | None = None


def delete(caller: Caller, body: Delete) -> Json:
    """Delete an account."""
    account, _ = caller.named(body.local_id, body.id_token)
    caller.accounts.remove(account)
    return {"kind": kind("DeleteAccountResponse")}


class BatchGet(Body):
    """``accounts:batchGet``, by which the Admin SDK lists users."""

    max_results: int = Field(default=20, ge=1, le=LARGEST_PAGE)
    next_page_token: str = ""


def batch_get(caller: Caller, body: BatchGet) -> Json:
    """Return one page of all accounts."""
    page, token = caller.accounts.page(body.max_results, body.next_page_token)
    answer: Json = {
        "kind": kind("DownloadAccountResponse"),
        "users": [account.as_json() for account in page],
    }
    return answer | {"nextPageToken": token} if token else answer


ACCOUNT_CALLS = {
    "lookup": Call(Lookup, lookup),
    "update": Call(Update, update),
    "delete": Call(Delete, delete),
    "batchGet": Call(BatchGet, batch_get),
}
ADMINISTRATORS_ONLY = frozenset({"batchGet"})
