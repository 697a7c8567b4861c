"""Whose token it is: signed ones against published keys, unsigned ones in demo projects only."""

import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from local.emulators.background import ServedApp
from shared.adapters.identities import DemoIdentities, GoogleIdentities, identities
from shared.domain.errors import TryAgain, Unauthenticated
from shared.settings import Settings, read

PROJECT = "fanfare-prod"
FUNCTION = "send-batch"
ACCOUNT = f"fanfare-tasks@{PROJECT}.iam.gserviceaccount.com"
OURS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FOREIGN = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def settings(project: str = PROJECT, **more: str) -> Settings:
    return read({"GOOGLE_CLOUD_PROJECT": project, **more})


@pytest.fixture(scope="module")
def key_server() -> Iterator[str]:
    jwk = {**json.loads(RSAAlgorithm.to_jwk(OURS.public_key())), "kid": "k1", "use": "sig"}

    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [jwk]})

    app = web.Application()
    app.router.add_get("/keys", keys)
    with ServedApp(app) as served:
        yield f"{served.url}/keys"


@pytest.fixture
def google(key_server: str) -> GoogleIdentities:
    client = jwt.PyJWKClient(key_server)
    return GoogleIdentities(settings(), client, client)


def user_claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "u1",
        "iat": now,
        "exp": now + 3600,
        "email": "a@b.example",
        "moderator": True,
        **changed,
    }


def service_claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "https://accounts.google.com",
        "aud": settings().function_url(FUNCTION),
        "sub": "1234",
        "iat": now,
        "exp": now + 3600,
        "email": ACCOUNT,
        "email_verified": True,
        **changed,
    }


def signed(claims: dict[str, Any], key: rsa.RSAPrivateKey = OURS, kid: str = "k1") -> str:
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})


def unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", algorithm="none")


def test_a_signed_id_token_of_this_project_names_its_user(google: GoogleIdentities) -> None:
    identity = google.verify_user(signed(user_claims()))
    assert (identity.uid, identity.email) == ("u1", "a@b.example")
    assert identity.claims["moderator"] is True


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: signed(user_claims(), FOREIGN), id="signed with another key"),
        pytest.param(lambda: signed(user_claims(), kid="k2"), id="by a key nobody published"),
        pytest.param(lambda: unsigned(user_claims()), id="unsigned"),
        pytest.param(lambda: signed(user_claims(exp=1)), id="expired"),
        pytest.param(lambda: signed(user_claims(aud="other")), id="for another project"),
        pytest.param(lambda: signed(user_claims(iss="https://evil.example")), id="other issuer"),
        pytest.param(lambda: signed(user_claims(sub="")), id="of nobody"),
        pytest.param(lambda: signed(user_claims(iat=time.time() + 999)), id="from the future"),
        pytest.param(
            lambda: signed(user_claims(auth_time=time.time() + 999)), id="of a future sign-in"
        ),
        pytest.param(lambda: signed(user_claims(auth_time=10**400)), id="of a sign-in never"),
        pytest.param(lambda: "garbage", id="garbage"),
        pytest.param(lambda: "", id="empty"),
        pytest.param(
            lambda: jwt.encode(user_claims(), "k" * 32, algorithm="HS256", headers={"kid": "k1"}),
            id="signed with a shared secret",
        ),
    ],
)
def test_a_token_that_is_not_ours_is_refused(google: GoogleIdentities, token: Any) -> None:
    with pytest.raises(Unauthenticated):
        google.verify_user(token())


def test_keys_that_cannot_be_fetched_are_a_reason_to_try_again_not_to_refuse() -> None:
    away = jwt.PyJWKClient("http://127.0.0.1:9/keys", timeout=1)
    with pytest.raises(TryAgain):
        GoogleIdentities(settings(), away, away).verify_user(signed(user_claims()))


@pytest.mark.parametrize(
    "audience",
    [
        settings().function_url(FUNCTION),
        "https://send-batch-k2x7-ew.a.run.app",
        "https://send-batch-123456789.europe-west1.run.app",
    ],
)
def test_a_service_token_for_this_function_is_accepted(
    google: GoogleIdentities, audience: str
) -> None:
    google.verify_service(signed(service_claims(aud=audience)), FUNCTION, ACCOUNT)


@pytest.mark.parametrize(
    "changed",
    [
        {"email": "someone@else.iam.gserviceaccount.com"},
        {"email_verified": False},
        {"aud": settings().function_url("plan-fanout")},
        {"aud": "https://send-batch.evil.example"},
        {"aud": "https://plan-fanout-k2x7-ew.a.run.app"},
        {"iss": f"https://securetoken.google.com/{PROJECT}"},
        {"exp": 1},
    ],
    ids=str,
)
def test_a_service_token_of_another_account_or_for_another_function_is_refused(
    google: GoogleIdentities, changed: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        google.verify_service(signed(service_claims(**changed)), FUNCTION, ACCOUNT)


def stripped(claims: dict[str, Any]) -> str:
    return signed(claims).rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"


@pytest.fixture
def behind_iam(key_server: str) -> GoogleIdentities:
    client = jwt.PyJWKClient(key_server)
    return GoogleIdentities(settings(FANFARE_IAM_CHECKS_TOKENS="true"), client, client)


def test_behind_iam_a_token_whose_signature_cloud_run_checked_and_removed_is_accepted(
    behind_iam: GoogleIdentities,
) -> None:
    behind_iam.verify_service(stripped(service_claims()), FUNCTION, ACCOUNT)


@pytest.mark.parametrize(
    "changed",
    [{"email": "x@y.example"}, {"aud": "https://x.example"}, {"exp": 1}, {"iss": "x"}],
    ids=str,
)
def test_behind_iam_its_claims_are_still_checked(
    behind_iam: GoogleIdentities, changed: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        behind_iam.verify_service(stripped(service_claims(**changed)), FUNCTION, ACCOUNT)


def test_a_removed_signature_means_nothing_where_iam_does_not_guard(
    google: GoogleIdentities, behind_iam: GoogleIdentities
) -> None:
    with pytest.raises(Unauthenticated):
        google.verify_service(stripped(service_claims()), FUNCTION, ACCOUNT)
    with pytest.raises(Unauthenticated):
        behind_iam.verify_user(stripped(user_claims()))


# ---- demo projects ---------------------------------------------------------------------------

DEMO = settings("demo-x", FIREBASE_AUTH_EMULATOR_HOST="127.0.0.1:1")


NO_MOMENTS = [None, True, "soon", [1], -1, 10**400, float("inf"), float("nan")]


def demo_claims(**changed: Any) -> dict[str, Any]:
    return user_claims(iss="https://securetoken.google.com/demo-x", aud="demo-x", **changed)


def odd_time(name: str, odd: object) -> str:
    return unsigned(demo_claims(**{name: odd}))


def test_a_demo_project_understands_unsigned_tokens() -> None:
    assert identities(DEMO).verify_user(unsigned(demo_claims())).uid == "u1"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: unsigned(demo_claims(exp=1)), id="expired"),
        pytest.param(lambda: unsigned(demo_claims() | {"aud": "demo-y"}), id="another project"),
        pytest.param(lambda: unsigned(demo_claims() | {"iss": "x"}), id="another issuer"),
        pytest.param(lambda: unsigned(demo_claims()) + "c2ln", id="with a made-up signature"),
        pytest.param(lambda: signed(demo_claims(), FOREIGN), id="signed by a stranger"),
        pytest.param(lambda: unsigned(demo_claims(exp="soon")), id="expiry is no number"),
        *(
            pytest.param(partial(odd_time, name, odd), id=f"{name} is {odd!s:.9}")
            for name in ("exp", "iat", "auth_time")
            for odd in NO_MOMENTS
        ),
        pytest.param(lambda: "a.b.c", id="garbage"),
    ],
)
def test_a_demo_project_still_checks_whose_token_it_is_and_until_when(token: Any) -> None:
    with pytest.raises(Unauthenticated):
        DemoIdentities(DEMO).verify_user(token())


def test_unsigned_tokens_exist_in_demo_projects_only() -> None:
    with pytest.raises(Unauthenticated):
        DemoIdentities(settings())
    assert isinstance(identities(settings()), GoogleIdentities)
    assert isinstance(identities(settings("demo-x")), GoogleIdentities)
