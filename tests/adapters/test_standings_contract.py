"""Accounts are told of as they are now: in memory, and by the Identity Toolkit's ``lookup``."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any

import httpx
import pytest
from aiohttp import web

from local.emulators.auth import server as emulator
from local.emulators.background import ServedApp
from shared.adapters.memory.standings import MemoryStandings
from shared.adapters.standings import EmulatorTokens, IdentityToolkit, standings
from shared.domain.actors import Role
from shared.domain.errors import TryAgain
from shared.domain.providers.standing import Standing
from shared.ports import Standings
from shared.settings import read

PROJECT = "demo-standing"
LOOKUP = f"/v1/projects/{PROJECT}/accounts:lookup"


@dataclass(frozen=True, slots=True)
class People:
    """Standings of accounts, and how an administrator makes and changes an account."""

    standings: Standings
    make: Callable[..., None]


def in_memory() -> Iterator[People]:
    told = MemoryStandings()

    def make(uid: str, *, email: str = "", verified: bool = False, **fields: Any) -> None:
        emails = (email,) if email else ()
        proven = email if verified else ""
        told.accounts[uid] = Standing(uid, emails, proven, **fields)

    yield People(told, make)


def on_the_emulator() -> Iterator[People]:
    with ServedApp(emulator.app(PROJECT)) as served:
        base = f"{served.url}/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts"

        def post(path: str, body: dict[str, Any]) -> None:
            answer = httpx.post(
                base + path, json=body, headers={"Authorization": "Bearer owner"}, timeout=60
            )
            answer.raise_for_status()

        def make(uid: str, **fields: Any) -> None:
            email = {"email": fields["email"]} if "email" in fields else {}
            post("", {"localId": uid, "emailVerified": fields.get("verified", False), **email})
            changed = {
                "disableUser": fields.get("disabled", False),
                "customAttributes": json.dumps(fields.get("claims", {})),
            }
            since = fields.get("signed_out_at")
            post(
                ":update",
                {"localId": uid, **changed, **({"validSince": since} if since else {})},
            )

        settings = read(
            {"GOOGLE_CLOUD_PROJECT": PROJECT, "FIREBASE_AUTH_EMULATOR_HOST": served.address}
        )
        yield People(standings(settings), make)


@pytest.fixture(params=[in_memory, on_the_emulator], ids=["memory", "identity toolkit"])
def people(request: pytest.FixtureRequest) -> Iterator[People]:
    yield from request.param()


def test_an_account_is_told_with_its_own_claims(people: People) -> None:
    people.make("o1", email="o1@example.com", claims={"operator": True})
    told = people.standings.look_up("o1")
    assert told == Standing("o1", ("o1@example.com",), claims={"operator": True})
    assert (told.holds(Role.OPERATOR), told.holds(Role.MODERATOR)) == (True, False)


def test_an_e_mail_is_its_own_when_it_is_verified(people: People) -> None:
    people.make("u1", email="u1@example.com", verified=True)
    told = people.standings.look_up("u1")
    assert told is not None
    assert (told.emails, told.verified_email) == (("u1@example.com",), "u1@example.com")


def test_of_nobody_nothing_is_told(people: People) -> None:
    assert people.standings.look_up("nobody") is None
    assert people.standings.look_up("no\nbody/at?all") is None


def test_a_disabled_account_holds_nothing(people: People) -> None:
    people.make("o1", claims={"operator": True}, disabled=True)
    told = people.standings.look_up("o1")
    assert told is not None
    assert (told.disabled, told.holds(Role.OPERATOR)) == (True, False)


def test_it_is_told_when_sessions_were_ended(people: People) -> None:
    people.make("o1", signed_out_at=2_000_000_000)
    told = people.standings.look_up("o1")
    assert told is not None
    assert told.signed_out_at == 2_000_000_000


# ---- only over HTTP ---------------------------------------------------------------------------


class Answers:
    """An Identity Toolkit that answers the same to everybody, and counts how often it is asked."""

    def __init__(self, body: object, status: int = 200) -> None:
        self.body, self.status = body, status
        self.tokens: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers["Authorization"])
        return web.Response(text=json.dumps(self.body), status=self.status)

    def app(self) -> web.Application:
        made = web.Application()
        made.router.add_post(LOOKUP, self.answer)
        return made


USER = {"localId": "u1", "createdAt": "1700000000123", "validSince": "1700000000"}


def test_an_answer_is_given_again_for_as_long_as_the_asker_allows() -> None:
    moments = count(0, 30)
    google = Answers({"users": [USER]})
    with ServedApp(google.app()) as served:
        toolkit = IdentityToolkit(
            PROJECT, EmulatorTokens(), served.url, clock=lambda: float(next(moments))
        )
        assert toolkit.look_up("u1", max_age_seconds=60) is not None
        google.body = {}
        assert toolkit.look_up("u1", max_age_seconds=60) is not None
        assert toolkit.look_up("u1") is None
        assert toolkit.look_up("u1", max_age_seconds=60) is None
        assert len(google.tokens) == 2


def test_a_new_account_s_sessions_were_never_ended() -> None:
    with ServedApp(Answers({"users": [USER]}).app()) as served:
        told = IdentityToolkit(PROJECT, EmulatorTokens(), served.url).look_up("u1")
        assert told == Standing("u1")


def test_e_mails_of_linked_sign_ins_are_the_account_s_too() -> None:
    linked = [{"providerId": "google.com", "email": "u1@shop.example"}, {"providerId": "phone"}]
    user = {**USER, "email": "u1@example.com", "providerUserInfo": linked}
    with ServedApp(Answers({"users": [user]}).app()) as served:
        told = IdentityToolkit(PROJECT, EmulatorTokens(), served.url).look_up("u1")
        assert told is not None
        assert told.emails == ("u1@example.com", "u1@shop.example")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, HTTPStatus.FORBIDDEN),
        ({}, HTTPStatus.INTERNAL_SERVER_ERROR),
        ({}, HTTPStatus.FOUND),
        ([], 200),
        ("users", 200),
        ({"users": 7}, 200),
        ({"users": [7]}, 200),
        ({"users": [{}]}, 200),
        ({"users": [{**USER, "customAttributes": "{"}]}, 200),
        ({"users": [{**USER, "validSince": "soon"}]}, 200),
    ],
)
def test_what_is_no_answer_lets_nobody_in(body: object, status: int) -> None:
    with ServedApp(Answers(body, status).app()) as served:
        toolkit = IdentityToolkit(PROJECT, EmulatorTokens(), served.url)
        with pytest.raises(TryAgain):
            toolkit.look_up("u1")


def test_who_cannot_be_reached_lets_nobody_in() -> None:
    with pytest.raises(TryAgain):
        IdentityToolkit(PROJECT, EmulatorTokens(), "http://127.0.0.1:1").look_up("u1")


class Tokens:
    """Gives out another token once one was refused."""

    def current(self, refused: str = "") -> str:
        return "second" if refused == "first" else "first"


def test_a_token_that_was_refused_is_replaced_once() -> None:
    google = Answers({}, HTTPStatus.UNAUTHORIZED)
    with ServedApp(google.app()) as served, pytest.raises(TryAgain):
        IdentityToolkit(PROJECT, Tokens(), served.url).look_up("u1")
    assert google.tokens == ["Bearer first", "Bearer second"]
