"""The sign-in emulator, called by the Admin SDK and, as the client SDKs do, over REST."""

import base64
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import firebase_admin
import httpx
import jwt
import pytest
from firebase_admin import auth
from firebase_admin.exceptions import FirebaseError

from local.emulators.auth import server as emulator
from local.emulators.auth.second_factor import number
from local.emulators.background import ServedApp

PROJECT = "demo-sign-in"
EMAIL, PASSWORD = "ada@example.com", "long enough"
ACCOUNTS = "/identitytoolkit.googleapis.com/v1/accounts"
TOKEN = "/securetoken.googleapis.com/v1/token"

Json = dict[str, Any]


@pytest.fixture
def served() -> Iterator[ServedApp]:
    with ServedApp(emulator.app(PROJECT)) as served:
        yield served


@pytest.fixture
def rest(served: ServedApp) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, params={"key": "any"}, timeout=60) as rest:
        yield rest


@pytest.fixture
def admin(served: ServedApp, monkeypatch: pytest.MonkeyPatch) -> Iterator[firebase_admin.App]:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", served.address)
    app = firebase_admin.initialize_app(options={"projectId": PROJECT}, name=uuid.uuid4().hex)
    yield app
    firebase_admin.delete_app(app)


def call(rest: httpx.Client, name: str, **body: Any) -> Json:
    """Make an ``accounts:`` call that must succeed."""
    answer = rest.post(f"{ACCOUNTS}:{name}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refusal(rest: httpx.Client, name: str, **body: Any) -> str:
    """Return the message of an ``accounts:`` call that must be refused, in Google's form."""
    answer = rest.post(f"{ACCOUNTS}:{name}", json=body)
    error = answer.json()["error"]
    assert answer.status_code == error["code"] == 400
    assert error["errors"][0]["message"] == error["message"]
    return str(error["message"])


def sign_up(rest: httpx.Client, email: str = EMAIL) -> Json:
    return call(rest, "signUp", email=email, password=PASSWORD, returnSecureToken=True)


def refresh(rest: httpx.Client, token: str) -> httpx.Response:
    return rest.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": token})


def claims_of(token: str) -> Json:
    return jwt.decode(token, options={"verify_signature": False})


# What a client SDK does


def test_whoever_signs_up_can_sign_in_again_with_their_password(rest: httpx.Client) -> None:
    created = sign_up(rest, "Ada@Example.com")
    signed_in = call(rest, "signInWithPassword", email=EMAIL, password=PASSWORD)
    assert signed_in["localId"] == created["localId"]
    assert (signed_in["email"], signed_in["registered"]) == (EMAIL, True)
    (account,) = call(rest, "lookup", idToken=signed_in["idToken"])["users"]
    assert account["email"] == EMAIL
    assert account["providerUserInfo"][0]["providerId"] == "password"
    assert not {"password", "passwordHash", "salt"} & account.keys()


def test_an_id_token_is_unsigned_and_says_what_googles_say(rest: httpx.Client) -> None:
    created = sign_up(rest)
    token = created["idToken"]
    assert jwt.get_unverified_header(token) == {"alg": "none", "typ": "JWT"}
    assert token.endswith(".")
    claims = claims_of(token)
    assert claims["iss"] == f"https://securetoken.google.com/{PROJECT}"
    assert claims["aud"] == PROJECT
    assert claims["sub"] == claims["user_id"] == created["localId"]
    assert claims["exp"] - claims["iat"] == 3600
    assert time.time() - 60 < claims["auth_time"] <= claims["iat"]
    assert (claims["email"], claims["email_verified"]) == (EMAIL, False)
    identities = {"email": [EMAIL]}
    assert claims["firebase"] == {"sign_in_provider": "password", "identities": identities}


def test_a_custom_token_signs_in_any_uid_and_adds_its_claims(
    rest: httpx.Client, admin: firebase_admin.App
) -> None:
    token = auth.create_custom_token("device:abc", {"hwid": "abc"}, app=admin).decode()
    first = call(rest, "signInWithCustomToken", token=token)
    second = call(rest, "signInWithCustomToken", token=token)
    assert (first["isNewUser"], second["isNewUser"]) == (True, False)
    claims = claims_of(first["idToken"])
    assert (claims["sub"], claims["hwid"]) == ("device:abc", "abc")
    assert claims["firebase"] == {"sign_in_provider": "custom", "identities": {}}
    refreshed = refresh(rest, first["refreshToken"]).json()
    assert claims_of(refreshed["id_token"])["hwid"] == "abc"


def test_a_refresh_token_gives_a_new_id_token_with_the_claims_of_now(
    rest: httpx.Client, admin: firebase_admin.App
) -> None:
    created = sign_up(rest)
    auth.set_custom_user_claims(created["localId"], {"moderator": True}, app=admin)
    refreshed = refresh(rest, created["refreshToken"]).json()
    assert claims_of(refreshed["id_token"])["moderator"] is True
    assert refreshed["access_token"] == refreshed["id_token"]
    assert (refreshed["user_id"], refreshed["project_id"]) == (created["localId"], PROJECT)
    assert (refreshed["token_type"], refreshed["expires_in"]) == ("Bearer", "3600")


def test_a_new_password_replaces_the_old_one_and_ends_other_sessions(rest: httpx.Client) -> None:
    created = sign_up(rest)
    changed = call(rest, "update", idToken=created["idToken"], password="another one")
    assert refresh(rest, created["refreshToken"]).json()["error"]["message"] == "TOKEN_EXPIRED"
    assert refresh(rest, changed["refreshToken"]).status_code == 200
    old = refusal(rest, "signInWithPassword", email=EMAIL, password=PASSWORD)
    assert old == "INVALID_PASSWORD"
    call(rest, "signInWithPassword", email=EMAIL, password="another one")


def test_people_change_and_delete_only_themselves(rest: httpx.Client) -> None:
    ada, eve = sign_up(rest), sign_up(rest, "eve@example.com")
    call(rest, "update", idToken=ada["idToken"], displayName="Ada", customAttributes='{"a":1}')
    (account,) = call(rest, "lookup", idToken=ada["idToken"])["users"]
    assert account["displayName"] == "Ada"
    assert "customAttributes" not in account
    assert refusal(rest, "update", localId=eve["localId"], displayName="x") == "MISSING_ID_TOKEN"
    assert refusal(rest, "delete", localId=eve["localId"]) == "MISSING_ID_TOKEN"
    call(rest, "delete", idToken=ada["idToken"])
    assert refusal(rest, "lookup", idToken=ada["idToken"]) == "USER_NOT_FOUND"
    assert refresh(rest, ada["refreshToken"]).json()["error"]["message"] == "USER_NOT_FOUND"


def test_a_sign_up_without_anything_is_anonymous(rest: httpx.Client) -> None:
    claims = claims_of(call(rest, "signUp")["idToken"])
    assert claims["provider_id"] == claims["firebase"]["sign_in_provider"] == "anonymous"


# What is refused


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("signInWithPassword", {"email": EMAIL, "password": "wrong"}, "INVALID_PASSWORD"),
        ("signInWithPassword", {"email": "no@x.com", "password": "x"}, "EMAIL_NOT_FOUND"),
        ("signInWithPassword", {"password": "x"}, "MISSING_EMAIL"),
        ("signInWithPassword", {"email": EMAIL}, "MISSING_PASSWORD"),
        ("signUp", {"email": EMAIL, "password": PASSWORD}, "EMAIL_EXISTS"),
        ("signUp", {"email": "nonsense", "password": PASSWORD}, "INVALID_EMAIL"),
        ("signUp", {"localId": "me"}, "UNEXPECTED_PARAMETER : User ID"),
        ("signInWithCustomToken", {}, "MISSING_CUSTOM_TOKEN"),
        (
            "signInWithCustomToken",
            {"token": "nonsense"},
            "INVALID_CUSTOM_TOKEN : Invalid assertion format",
        ),
        ("lookup", {"idToken": "nonsense"}, "INVALID_ID_TOKEN"),
        ("lookup", {}, "MISSING_ID_TOKEN"),
    ],
)
def test_a_refusal_carries_googles_word_for_it(
    rest: httpx.Client, name: str, body: Json, message: str
) -> None:
    sign_up(rest)
    assert refusal(rest, name, **body) == message


def test_a_short_password_and_a_malformed_body_are_refused(rest: httpx.Client) -> None:
    weak = refusal(rest, "signUp", email="new@example.com", password="short")
    assert weak.startswith("WEAK_PASSWORD : ")
    assert "email" in refusal(rest, "signUp", email=["not", "text"], password=PASSWORD)
    answer = rest.post(f"{ACCOUNTS}:signUp", content=b"{")
    assert answer.json()["error"]["message"].startswith("Invalid JSON payload received.")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({}, "MISSING_GRANT_TYPE"),
        ({"grant_type": "password"}, "INVALID_GRANT_TYPE"),
        ({"grant_type": "refresh_token"}, "MISSING_REFRESH_TOKEN"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "INVALID_REFRESH_TOKEN"),
    ],
)
def test_a_refresh_needs_a_refresh_token(rest: httpx.Client, form: Json, message: str) -> None:
    answer = rest.post(TOKEN, data=form)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == message


def test_an_id_token_is_no_refresh_or_custom_token_nor_valid_elsewhere(rest: httpx.Client) -> None:
    token = sign_up(rest)["idToken"]
    assert refresh(rest, token).json()["error"]["message"] == "INVALID_REFRESH_TOKEN"
    assert "audience" in refusal(rest, "signInWithCustomToken", token=token)
    foreign = claims_of(token) | {"iss": "https://securetoken.google.com/other", "aud": "other"}
    forged = jwt.encode(foreign, "", algorithm="none")
    assert refusal(rest, "lookup", idToken=forged) == "INVALID_ID_TOKEN"
    late = claims_of(token) | {"exp": int(time.time()) - 1}
    assert refusal(rest, "lookup", idToken=jwt.encode(late, "", algorithm="none")) == (
        "TOKEN_EXPIRED"
    )


def test_what_needs_an_administrator_or_a_key_is_closed_without(served: ServedApp) -> None:
    project = f"/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts"
    with httpx.Client(base_url=served.url, timeout=60) as nobody:
        assert nobody.post(project, json={}).status_code == 401
        assert nobody.post(f"{project}:lookup", json={"localId": ["u"]}).status_code == 401
        assert nobody.get(f"{project}:batchGet").status_code == 401
        keyless = nobody.post(f"{ACCOUNTS}:signUp", json={})
    assert (keyless.status_code, keyless.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_what_the_emulator_lacks_it_says(rest: httpx.Client) -> None:
    lacking = rest.post(f"{ACCOUNTS}:createAuthUri", json={})
    assert (lacking.status_code, lacking.json()["error"]["code"]) == (501, 501)
    assert rest.get("/nowhere").json()["error"]["status"] == "NOT_FOUND"


# What the Admin SDK does


def test_an_administrator_creates_reads_changes_and_deletes_accounts(
    admin: firebase_admin.App,
) -> None:
    created = auth.create_user(
        uid="u1",
        email="Ada@example.com",
        password=PASSWORD,
        display_name="Ada",
        phone_number="+4930123456",
        email_verified=True,
        app=admin,
    )
    assert (created.uid, created.email, created.email_verified) == ("u1", EMAIL, True)
    assert auth.get_user_by_email(EMAIL.upper(), app=admin).uid == "u1"
    assert auth.get_user_by_phone_number("+4930123456", app=admin).uid == "u1"
    providers = {provider.provider_id for provider in created.provider_data}
    assert providers == {"password", "phone"}
    changed = auth.update_user(
        "u1", email="countess@example.com", display_name=auth.DELETE_ATTRIBUTE, app=admin
    )
    assert (changed.email, changed.email_verified) == ("countess@example.com", False)
    assert changed.display_name is None
    auth.delete_user("u1", app=admin)
    with pytest.raises(auth.UserNotFoundError):
        auth.get_user("u1", app=admin)
    with pytest.raises(auth.UserNotFoundError):
        auth.delete_user("u1", app=admin)


def test_uids_addresses_and_numbers_belong_to_one_account(admin: firebase_admin.App) -> None:
    auth.create_user(uid="u1", email=EMAIL, phone_number="+4930123456", app=admin)
    auth.create_user(uid="u2", app=admin)
    with pytest.raises(auth.UidAlreadyExistsError):
        auth.create_user(uid="u1", app=admin)
    with pytest.raises(auth.EmailAlreadyExistsError):
        auth.update_user("u2", email=EMAIL.upper(), display_name="lost", app=admin)
    with pytest.raises(auth.PhoneNumberAlreadyExistsError):
        auth.update_user("u2", phone_number="+4930123456", email="new@example.com", app=admin)
    untouched = auth.get_user("u2", app=admin)
    assert (untouched.display_name, untouched.email) == (None, None)


def test_claims_set_by_an_administrator_reach_the_next_id_token(
    rest: httpx.Client, admin: firebase_admin.App
) -> None:
    uid = sign_up(rest)["localId"]
    auth.set_custom_user_claims(uid, {"operator": True, "level": 3}, app=admin)
    assert auth.get_user(uid, app=admin).custom_claims == {"operator": True, "level": 3}
    signed_in = call(rest, "signInWithPassword", email=EMAIL, password=PASSWORD)
    verified = auth.verify_id_token(signed_in["idToken"], app=admin, check_revoked=True)
    assert (verified["uid"], verified["operator"], verified["level"]) == (uid, True, 3)
    auth.set_custom_user_claims(uid, None, app=admin)
    assert not auth.get_user(uid, app=admin).custom_claims


def test_revoking_ends_every_session_even_of_this_second(
    rest: httpx.Client, admin: firebase_admin.App
) -> None:
    created = sign_up(rest)
    auth.revoke_refresh_tokens(created["localId"], app=admin)
    assert refresh(rest, created["refreshToken"]).json()["error"]["message"] == "TOKEN_EXPIRED"
    again = call(rest, "signInWithPassword", email=EMAIL, password=PASSWORD)
    assert refresh(rest, again["refreshToken"]).status_code == 200
    auth.update_user(created["localId"], valid_since=int(time.time()) + 9, app=admin)
    assert refusal(rest, "lookup", idToken=again["idToken"]) == "TOKEN_EXPIRED"
    with pytest.raises(auth.RevokedIdTokenError):
        auth.verify_id_token(again["idToken"], app=admin, check_revoked=True)


def test_a_disabled_account_can_do_nothing(rest: httpx.Client, admin: firebase_admin.App) -> None:
    created = sign_up(rest)
    uid = created["localId"]
    auth.update_user(uid, disabled=True, app=admin)
    token = auth.create_custom_token(uid, app=admin).decode()
    assert refusal(rest, "signInWithCustomToken", token=token) == "USER_DISABLED"
    wrong = refusal(rest, "signInWithPassword", email=EMAIL, password="whatever")
    assert wrong == "USER_DISABLED"
    assert refusal(rest, "lookup", idToken=created["idToken"]) == "USER_DISABLED"
    assert refresh(rest, created["refreshToken"]).json()["error"]["message"] == "USER_DISABLED"
    auth.update_user(uid, disabled=False, app=admin)
    call(rest, "signInWithPassword", email=EMAIL, password=PASSWORD)


def test_accounts_are_listed_in_pages(admin: firebase_admin.App) -> None:
    uids = [f"u{number}" for number in range(5)]
    for uid in reversed(uids):
        auth.create_user(uid=uid, app=admin)
    first = auth.list_users(max_results=2, app=admin)
    assert [user.uid for user in first.users] == uids[:2]
    assert [user.uid for user in first.iterate_all()] == uids


def test_reserved_claims_are_refused(rest: httpx.Client, admin: firebase_admin.App) -> None:
    uid = sign_up(rest)["localId"]
    owner = {"Authorization": "Bearer owner"}
    for attributes, message in (
        ('{"iss": "me"}', "FORBIDDEN_CLAIM : iss"),
        ("[]", "INVALID_CLAIMS"),
        ("{", "INVALID_CLAIMS"),
        (f'{{"x": "{"y" * 1000}"}}', "CLAIMS_TOO_LARGE"),
    ):
        body = {"localId": uid, "customAttributes": attributes}
        answer = rest.post(f"{ACCOUNTS}:update", json=body, headers=owner)
        assert answer.json()["error"]["message"] == message
    with pytest.raises(FirebaseError):
        auth.update_user("nobody", custom_claims={"a": 1}, app=admin)


# What a browser and a test need


def test_a_page_from_anywhere_may_call(rest: httpx.Client) -> None:
    asked = {
        "Origin": "http://127.0.0.1:5173",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-client-version",
    }
    preflight = rest.options(f"{ACCOUNTS}:signUp", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1:5173"
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type,x-client-version"
    refused = rest.post(f"{ACCOUNTS}:lookup", json={}, headers={"Origin": "http://panel"})
    assert refused.headers["Access-Control-Allow-Origin"] == "http://panel"


def test_projects_are_apart_and_can_be_emptied(
    rest: httpx.Client, served: ServedApp, admin: firebase_admin.App
) -> None:
    sign_up(rest)
    other = firebase_admin.initialize_app(options={"projectId": "demo-other"}, name="other")
    auth.create_user(uid="elsewhere", app=other)
    mine = f"/emulator/v1/projects/{PROJECT}/accounts"
    assert [user["email"] for user in rest.get(mine).json()["users"]] == [EMAIL]
    assert rest.delete(mine).json() == {}
    assert rest.get(mine).json() == {"users": []}
    assert [user.uid for user in auth.list_users(app=other).users] == ["elsewhere"]
    firebase_admin.delete_app(other)


def test_the_command_says_when_it_is_ready_and_ends_cleanly_on_sigterm() -> None:
    command = [
        sys.executable,
        "-m",
        "local.emulators.auth.server",
        "--port",
        "0",
        "--project",
        "demo-cli",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        assert it.stdout
        assert it.stderr
        url = it.stdout.readline().rpartition(" ")[2].strip()
        health = httpx.get(url, timeout=60).json()
        created = httpx.post(f"{url}{ACCOUNTS}:signUp?key=k", json={}, timeout=60).json()
        it.send_signal(signal.SIGTERM)
        assert it.wait(timeout=15) == 0
        assert it.stdout.read() == it.stderr.read() == ""
    assert health["authEmulator"]["ready"] is True
    assert claims_of(created["idToken"])["aud"] == "demo-cli"


# Links that set a password


def oob_codes(rest: httpx.Client) -> list[Json]:
    listed: list[Json] = rest.get(f"/emulator/v1/projects/{PROJECT}/oobCodes").json()["oobCodes"]
    return listed


def test_an_invited_account_has_no_password_until_its_link_sets_one(
    rest: httpx.Client, admin: firebase_admin.App
) -> None:
    auth.create_user(email=EMAIL, app=admin)
    assert refusal(rest, "signInWithPassword", email=EMAIL, password=PASSWORD) == "INVALID_PASSWORD"
    link = auth.generate_password_reset_link(EMAIL, app=admin)
    page = httpx.get(link, trust_env=False, timeout=60)
    assert page.status_code == 200
    assert EMAIL in page.text
    (code,) = re.findall(r'name="oobCode" value="([^"]+)"', page.text)
    weak = rest.post("/emulator/action", data={"oobCode": code, "newPassword": "short"})
    assert (weak.status_code, "WEAK_PASSWORD" in weak.text) == (400, True)
    done = rest.post("/emulator/action", data={"oobCode": code, "newPassword": PASSWORD})
    assert "Done." in done.text
    call(rest, "signInWithPassword", email=EMAIL, password=PASSWORD)
    assert auth.get_user_by_email(EMAIL, app=admin).email_verified, "the link came to the address"
    again = rest.post("/emulator/action", data={"oobCode": code, "newPassword": "another one"})
    assert (again.status_code, "INVALID_OOB_CODE" in again.text) == (400, True)
    assert httpx.get(link, trust_env=False, timeout=60).status_code == 400


def test_a_forgotten_password_is_set_anew_and_ends_the_sessions(rest: httpx.Client) -> None:
    created = sign_up(rest)
    call(rest, "sendOobCode", requestType="PASSWORD_RESET", email=EMAIL)
    (mail,) = oob_codes(rest)
    assert mail["email"] == EMAIL
    assert call(rest, "resetPassword", oobCode=mail["oobCode"])["email"] == EMAIL
    call(rest, "resetPassword", oobCode=mail["oobCode"], newPassword="another one")
    assert oob_codes(rest) == []
    assert refresh(rest, created["refreshToken"]).status_code == 400
    call(rest, "signInWithPassword", email=EMAIL, password="another one")


def test_whoever_asks_for_a_mail_cannot_tell_a_known_address_from_another(
    rest: httpx.Client, admin: firebase_admin.App
) -> None:
    sign_up(rest)
    known = call(rest, "sendOobCode", requestType="PASSWORD_RESET", email=EMAIL)
    other = call(rest, "sendOobCode", requestType="PASSWORD_RESET", email="nobody@example.com")
    assert {**known, "email": ""} == {**other, "email": ""}
    assert len(oob_codes(rest)) == 1
    with pytest.raises(FirebaseError):
        auth.generate_password_reset_link("nobody@example.com", app=admin)


def test_the_link_itself_is_for_administrators_and_of_no_other_kind(rest: httpx.Client) -> None:
    sign_up(rest)
    asked = {"requestType": "PASSWORD_RESET", "email": EMAIL, "returnOobLink": True}
    assert rest.post(f"{ACCOUNTS}:sendOobCode", json=asked).status_code == 403
    other = {"requestType": "VERIFY_EMAIL", "email": EMAIL}
    assert rest.post(f"{ACCOUNTS}:sendOobCode", json=other).status_code == 501
    assert refusal(rest, "resetPassword", oobCode="made-up", newPassword="x") == "INVALID_OOB_CODE"


# A second factor

FACTORS = "/identitytoolkit.googleapis.com/v2/accounts"


def factor_call(rest: httpx.Client, name: str, **body: Any) -> httpx.Response:
    return rest.post(f"{FACTORS}/{name}", json=body)


def enrolled(rest: httpx.Client, admin: firebase_admin.App) -> str:
    """Enrol an authenticator app for a new account; return its secret."""
    auth.create_user(email=EMAIL, password=PASSWORD, email_verified=True, app=admin)
    token = call(rest, "signInWithPassword", email=EMAIL, password=PASSWORD)["idToken"]
    started = factor_call(rest, "mfaEnrollment:start", idToken=token, totpEnrollmentInfo={})
    session = started.json()["totpSessionInfo"]
    given = {"sessionInfo": session["sessionInfo"], "verificationCode": "000000"}
    secret = str(session["sharedSecretKey"])
    if number(secret, time.time()) != "000000":
        wrong = factor_call(
            rest, "mfaEnrollment:finalize", idToken=token, totpVerificationInfo=given
        )
        assert wrong.json()["error"]["message"] == "INVALID_CODE"
    given["verificationCode"] = number(secret, time.time())
    done = factor_call(
        rest,
        "mfaEnrollment:finalize",
        idToken=token,
        displayName="phone",
        totpVerificationInfo=given,
    )
    assert done.status_code == 200, done.text
    assert claims_of(done.json()["idToken"])["firebase"]["sign_in_second_factor"] == "totp"
    return secret


def test_the_numbers_are_those_of_rfc_6238() -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert [number(secret, at) for at in (59, 1111111109, 20000000000)] == [
        *("287082", "081804", "353130"),
    ]


def test_whoever_has_a_second_factor_signs_in_with_both(
    rest: httpx.Client, admin: firebase_admin.App
) -> None:
    secret = enrolled(rest, admin)
    half = call(rest, "signInWithPassword", email=EMAIL, password=PASSWORD)
    assert "idToken" not in half
    (factor,) = half["mfaInfo"]
    assert factor["displayName"] == "phone"
    given = {
        "mfaPendingCredential": half["mfaPendingCredential"],
        "mfaEnrollmentId": factor["mfaEnrollmentId"],
        "totpVerificationInfo": {"verificationCode": number(secret, time.time())},
    }
    whole = factor_call(rest, "mfaSignIn:finalize", **given).json()
    assert claims_of(whole["idToken"])["firebase"]["sign_in_second_factor"] == "totp"
    renewed = refresh(rest, whole["refreshToken"]).json()["id_token"]
    assert claims_of(renewed)["firebase"]["sign_in_second_factor"] == "totp"

    for changed, told in (
        ({"mfaPendingCredential": "made-up"}, "INVALID_PENDING_TOKEN"),
        ({"mfaEnrollmentId": "other"}, "MFA_ENROLLMENT_NOT_FOUND"),
        ({"totpVerificationInfo": {"verificationCode": "no"}}, "INVALID_CODE"),
    ):
        answer = factor_call(rest, "mfaSignIn:finalize", **{**given, **changed})
        assert answer.json()["error"]["message"] == told


def test_an_administrator_takes_a_lost_factor_away(
    rest: httpx.Client, admin: firebase_admin.App
) -> None:
    enrolled(rest, admin)
    uid = auth.get_user_by_email(EMAIL, app=admin).uid
    base = f"/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts:update"
    owner = {"Authorization": "Bearer owner"}
    done = rest.post(base, headers=owner, json={"localId": uid, "mfa": {"enrollments": []}})
    assert done.status_code == 200
    assert "idToken" in call(rest, "signInWithPassword", email=EMAIL, password=PASSWORD)


def test_an_address_that_is_not_proven_gets_no_second_factor(rest: httpx.Client) -> None:
    token = sign_up(rest)["idToken"]
    started = factor_call(rest, "mfaEnrollment:start", idToken=token, totpEnrollmentInfo={})
    assert started.json()["error"]["message"].startswith("UNVERIFIED_EMAIL")


# App Check

APP = "1:1234567890:web:abc"
EXCHANGE = f"/firebaseappcheck.googleapis.com/v1/projects/{PROJECT}/apps/{APP}:exchangeDebugToken"
JWKS = "/firebaseappcheck.googleapis.com/v1/jwks"


def test_an_app_gets_a_token_that_the_published_keys_verify(
    rest: httpx.Client, served: ServedApp
) -> None:
    got = rest.post(EXCHANGE, json={"debugToken": str(uuid.uuid4())}).json()
    assert got["ttl"] == "3600s"
    key = jwt.PyJWKClient(f"{served.url}{JWKS}").get_signing_key_from_jwt(got["token"])
    audience = f"projects/{PROJECT}"
    claims = jwt.decode(got["token"], key, algorithms=["RS256"], audience=audience)
    assert (claims["sub"], claims["iss"]) == (
        APP,
        "https://firebaseappcheck.googleapis.com/1234567890",
    )
    refused = rest.post(EXCHANGE, json={"debugToken": "guessed"})
    assert refused.status_code == 403


def test_keys_change_and_the_last_one_is_still_published(rest: httpx.Client) -> None:
    def ids() -> list[str]:
        return [key["kid"] for key in rest.get(JWKS).json()["keys"]]

    (first,) = ids()
    rest.post("/emulator/v1/appCheckKeys")
    _, second = ids()
    rest.post("/emulator/v1/appCheckKeys")
    assert ids()[0] == second
    assert first not in ids()
