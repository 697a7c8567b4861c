"""Which app it is: App Check's tokens, against keys that change and may be out of reach."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import jwt
import pytest
from aiohttp import web

from local.emulators.auth.app_check import PROJECT_NUMBER, AppCheck
from local.emulators.background import ServedApp
from shared.adapters.app_check import KEYS, FirebaseAppCheck, app_check
from shared.domain.errors import TryAgain, Unauthenticated
from shared.settings import read

PROJECT = "fanfare-prod"
APP = f"1:{PROJECT_NUMBER}:android:abc"


@dataclass
class Published:
    """Google's page of keys, and how often it was asked for."""

    google: AppCheck = field(default_factory=AppCheck)
    answer: str | None = None
    status: int = 200
    requests: int = 0

    async def answer_keys(self, _: web.Request) -> web.Response:
        self.requests += 1
        text = json.dumps(self.google.jwks()) if self.answer is None else self.answer
        return web.Response(text=text, status=self.status, content_type="application/json")


@pytest.fixture(scope="module")
def google() -> AppCheck:
    return AppCheck()


@pytest.fixture
def published(google: AppCheck) -> Published:
    return Published(google)


@pytest.fixture
def url(published: Published) -> Iterator[str]:
    app = web.Application()
    app.router.add_get("/jwks", published.answer_keys)
    with ServedApp(app) as served:
        yield f"{served.url}/jwks"


@pytest.fixture
def checked(url: str) -> FirebaseAppCheck:
    return FirebaseAppCheck(PROJECT, jwt.PyJWKClient(url, cooldown_duration=0))


def test_a_token_of_an_app_of_this_project_is_accepted(
    checked: FirebaseAppCheck, google: AppCheck, published: Published
) -> None:
    for _ in range(3):
        checked.verify(google.token(PROJECT, APP))
    assert published.requests == 1


def headed(google: AppCheck, **header: object) -> str:
    """Sign a good token's claims under a header of its own."""
    key = google.keys[-1]
    claims = jwt.decode(google.token(PROJECT, APP), options={"verify_signature": False})
    return jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.id, **header})


def claims_by(google: AppCheck, algorithm: str, secret: str) -> str:
    claims = jwt.decode(google.token(PROJECT, APP), options={"verify_signature": False})
    return jwt.encode(claims, secret, algorithm=algorithm, headers={"kid": google.keys[-1].id})


FORGED: dict[str, Callable[[AppCheck], str]] = {
    "garbage": lambda _: "garbage",
    "three parts of garbage": lambda _: "a.b.c",
    "expired": lambda google: google.token(PROJECT, APP, exp=int(time.time()) - 60),
    "from the future": lambda google: google.token(PROJECT, APP, iat=int(time.time()) + 600),
    "for another project": lambda google: google.token("another-project", APP),
    "for everybody": lambda google: google.token(PROJECT, APP, aud=[]),
    "for a project by its id alone": lambda google: google.token(
        PROJECT, APP, aud=f"projects/{PROJECT}"
    ),
    "of another project's issuer": lambda google: google.token(
        PROJECT, APP, iss="https://firebaseappcheck.googleapis.com/999"
    ),
    "an ID token's issuer": lambda google: google.token(
        PROJECT, APP, iss=f"https://securetoken.google.com/{PROJECT}"
    ),
    "of no issuer": lambda google: google.token(PROJECT, APP, iss=""),
    "of no app": lambda google: google.token(PROJECT, ""),
    "without an expiry": lambda google: google.token(PROJECT, APP, exp=None),
    "signed by somebody else": lambda _: AppCheck().token(PROJECT, APP),
    "by a key nobody published": lambda google: headed(google, kid="unknown"),
    "by a key that is no text": lambda google: headed(google, kid="7"),
    "of another type": lambda google: headed(google, typ="JOSE"),
    "unsigned": lambda google: claims_by(google, "none", ""),
    "signed with a shared secret": lambda google: claims_by(google, "HS256", "k" * 32),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_token_that_is_not_our_apps_is_refused(
    checked: FirebaseAppCheck, google: AppCheck, forge: Callable[[AppCheck], str]
) -> None:
    checked.verify(google.token(PROJECT, APP))
    with pytest.raises(Unauthenticated) as refused:
        checked.verify(forge(google))
    assert refused.value.code == "appCheckFailed"


@pytest.mark.parametrize("forge", [FORGED["garbage"], FORGED["unsigned"]])
def test_for_what_cannot_be_a_token_google_is_not_asked(
    checked: FirebaseAppCheck,
    google: AppCheck,
    published: Published,
    forge: Callable[[AppCheck], str],
) -> None:
    google.jwks()
    with pytest.raises(Unauthenticated):
        checked.verify(forge(google))
    assert published.requests == 0


def test_a_new_key_is_fetched_when_it_is_first_seen_and_an_old_one_ends(
    checked: FirebaseAppCheck, published: Published
) -> None:
    published.google = AppCheck()
    first = published.google.token(PROJECT, APP)
    checked.verify(first)
    published.google.rotate()
    checked.verify(published.google.token(PROJECT, APP))
    checked.verify(first)
    assert published.requests == 2
    published.google.rotate()
    checked.verify(published.google.token(PROJECT, APP))
    with pytest.raises(Unauthenticated):
        checked.verify(first)


def test_unknown_keys_do_not_make_us_ask_google_each_time(
    url: str, google: AppCheck, published: Published
) -> None:
    checked = FirebaseAppCheck(PROJECT, jwt.PyJWKClient(url))
    checked.verify(google.token(PROJECT, APP))
    for number in range(5):
        with pytest.raises(Unauthenticated):
            checked.verify(headed(google, kid=f"unknown-{number}"))
    assert published.requests == 1


def test_keys_out_of_reach_are_a_reason_to_try_again_not_to_refuse(google: AppCheck) -> None:
    away = FirebaseAppCheck(PROJECT, jwt.PyJWKClient("http://127.0.0.1:9/jwks", timeout=1))
    with pytest.raises(TryAgain):
        away.verify(google.token(PROJECT, APP))


@pytest.mark.parametrize(
    ("status", "answer"),
    [(500, "{}"), (200, "<html>"), (200, "[]"), (200, '{"keys": []}'), (200, '{"keys": [{}]}')],
)
def test_an_answer_without_keys_is_a_reason_to_try_again(
    checked: FirebaseAppCheck, google: AppCheck, published: Published, status: int, answer: str
) -> None:
    published.status, published.answer = status, answer
    with pytest.raises(TryAgain):
        checked.verify(google.token(PROJECT, APP))


def test_keys_are_googles_unless_a_demo_project_has_an_emulator() -> None:
    def keys_of(**settings: str) -> str:
        keys = app_check(read(settings))._keys
        assert isinstance(keys, jwt.PyJWKClient)
        return keys.uri

    assert keys_of(GOOGLE_CLOUD_PROJECT=PROJECT) == KEYS
    assert keys_of(GOOGLE_CLOUD_PROJECT="demo-x") == KEYS
    emulated = keys_of(GOOGLE_CLOUD_PROJECT="demo-x", FIREBASE_AUTH_EMULATOR_HOST="127.0.0.1:1")
    assert emulated == "http://127.0.0.1:1/firebaseappcheck.googleapis.com/v1/jwks"
