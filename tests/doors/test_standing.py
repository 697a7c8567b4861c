"""What an account may do is what it may do now, whatever its tokens say."""

import time
from dataclasses import replace
from typing import Any

import pytest

from shared.flow.providers.keys import digest_of
from tests.builders import NOON
from tests.doors.conftest import Call, a_body, door
from tests.parts import MemoryParts, an_account, token

OPERATOR = token("o1", operator=True)
MODERATOR = token("m1", moderator=True)
STAFF = pytest.mark.parametrize(
    ("uid", "function", "method", "path", "sent"),
    [
        ("o1", "operator_api", "GET", "/v1/providers/p1", None),
        ("o1", "operator_api", "PUT", "/v1/providers/p1", {"isPremium": True}),
        ("m1", "moderation_queue", "POST", "/", {"data": {}}),
        ("m1", "approve_notification", "POST", "/", {"data": {"id": "n1"}}),
    ],
)


def change(world: MemoryParts, uid: str, **fields: Any) -> None:
    world.standings.accounts[uid] = replace(world.standings.accounts[uid], **fields)


def code_of(answer: Any) -> tuple[int, str]:
    told = answer.get_json()
    return answer.status_code, told["code"] if "code" in told else told["error"]["details"]["code"]


def staff_call(uid: str, function: str, method: str, path: str, sent: object) -> Any:
    credential = OPERATOR if uid == "o1" else MODERATOR
    return door(function, credential)(method, path, sent)


@STAFF
def test_a_dismissed_person_s_token_opens_no_staff_door(
    world: MemoryParts, uid: str, function: str, method: str, path: str, sent: object
) -> None:
    change(world, uid, claims={})
    only = "operatorOnly" if uid == "o1" else "moderatorOnly"
    assert code_of(staff_call(uid, function, method, path, sent)) == (403, only)


@STAFF
def test_a_disabled_account_s_token_opens_no_staff_door(
    world: MemoryParts, uid: str, function: str, method: str, path: str, sent: object
) -> None:
    change(world, uid, disabled=True)
    assert code_of(staff_call(uid, function, method, path, sent)) == (401, "accountClosed")


@STAFF
def test_a_deleted_account_s_token_opens_no_staff_door(
    world: MemoryParts, uid: str, function: str, method: str, path: str, sent: object
) -> None:
    del world.standings.accounts[uid]
    assert code_of(staff_call(uid, function, method, path, sent)) == (401, "accountClosed")


@STAFF
def test_a_session_that_was_ended_opens_no_staff_door(
    world: MemoryParts, uid: str, function: str, method: str, path: str, sent: object
) -> None:
    change(world, uid, signed_out_at=int(time.time()))
    assert code_of(staff_call(uid, function, method, path, sent)) == (401, "sessionEnded")


@STAFF
def test_staff_wait_while_accounts_cannot_be_looked_up(
    world: MemoryParts, uid: str, function: str, method: str, path: str, sent: object
) -> None:
    world.standings.reachable = False
    answer = staff_call(uid, function, method, path, sent)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_a_new_session_is_not_the_one_that_was_ended(world: MemoryParts) -> None:
    change(world, "o1", signed_out_at=int(time.time()) - 300)
    signed_in_again = token("o1", operator=True)
    assert door("operator_api", signed_in_again)("GET", "/v1/providers/p1").status_code == 200


@pytest.mark.parametrize("uid", ["p1", "device:h1", "nobody-at-all"])
def test_claims_of_a_custom_token_open_no_staff_door(world: MemoryParts, uid: str) -> None:
    world.standings.accounts["device:h1"] = an_account("device:h1")
    custom = {"sign_in_provider": "custom"}
    minted = token(uid, firebase=custom, operator=True, moderator=True)
    assert door("operator_api", minted)("GET", "/v1/stop").status_code in {401, 403}
    assert door("moderation_queue", minted)("POST", "/", {"data": {}}).status_code in {401, 403}


@pytest.mark.parametrize("claim", ["true", 1, [True], {"is": True}])
def test_a_claim_is_true_or_none(world: MemoryParts, claim: object) -> None:
    change(world, "o1", claims={"operator": claim})
    assert door("operator_api", OPERATOR)("GET", "/v1/stop").status_code == 403


# ---- keys ------------------------------------------------------------------------------------


@pytest.fixture
def key(provider: Call) -> str:
    made: str = provider("POST", "/v1/keys", {"name": "server"}).get_json()["key"]
    return made


def opens(key: str) -> int:
    return door("provider_api", key)("GET", "/v1/me").status_code


def test_a_key_needs_a_sign_in_of_the_last_minutes(world: MemoryParts) -> None:
    an_hour_ago = door("provider_api", token("p1", auth_time=int(time.time()) - 901))
    refused = an_hour_ago("POST", "/v1/keys", {"name": "server"})
    assert code_of(refused) == (403, "recentSignInRequired")
    assert "sign in again" in refused.get_json()["detail"]
    assert an_hour_ago("GET", "/v1/keys").get_json() == {"keys": []}
    just_now = door("provider_api", token("p1", auth_time=int(time.time()) - 840))
    assert just_now("POST", "/v1/keys", {"name": "server"}).status_code == 201


@pytest.mark.parametrize("closed", ["disabled", "deleted", "signed out"])
def test_an_account_that_is_closed_makes_no_key(
    provider: Call, world: MemoryParts, closed: str
) -> None:
    if closed == "deleted":
        del world.standings.accounts["p1"]
    elif closed == "disabled":
        change(world, "p1", disabled=True)
    else:
        change(world, "p1", signed_out_at=int(time.time()))
    assert provider("POST", "/v1/keys", {"name": "server"}).status_code == 401
    assert world.providers.keys_of("p1") == []


def test_a_key_ends_with_the_account_that_made_it(key: str, world: MemoryParts) -> None:
    assert opens(key) == 200
    change(world, "p1", disabled=True)
    refused = door("provider_api", key)("POST", "/v1/notifications", a_body())
    assert code_of(refused) == (401, "keyEnded")
    del world.standings.accounts["p1"]
    assert opens(key) == 401


def test_a_key_outlives_the_session_it_was_made_in(key: str, world: MemoryParts) -> None:
    change(world, "p1", signed_out_at=int(time.time()))
    assert opens(key) == 200


def test_a_key_that_does_not_say_who_made_it_ends_with_the_provider(world: MemoryParts) -> None:
    world.providers.add_key(digest_of("ffk_old"), "p1", "server", NOON)
    assert opens("ffk_old") == 200
    change(world, "p1", disabled=True)
    assert opens("ffk_old") == 401


def test_a_member_s_keys_end_when_they_are_no_member_any_more(world: MemoryParts) -> None:
    provider = world.providers.get("p1")
    assert provider
    world.standings.accounts["u9"] = an_account("u9", verified_email="u9@example.com")
    world.providers.add_key(digest_of("ffk_m"), "p1", "server", NOON, made_by="u9")
    assert opens("ffk_m") == 401
    for members in (("u9",), ("U9@example.com",)):
        world.providers.put(replace(provider, members=members))
        assert opens("ffk_m") == 200
    change(world, "u9", verified_email="")
    assert opens("ffk_m") == 401


def test_a_key_waits_while_its_maker_cannot_be_looked_up(key: str, world: MemoryParts) -> None:
    world.standings.reachable = False
    assert opens(key) == 503


def test_operators_see_and_delete_a_provider_s_keys(
    key: str, operator: Call, world: MemoryParts
) -> None:
    [shown] = operator("GET", "/v1/providers/p1/keys").get_json()["keys"]
    assert (shown["id"], shown["createdBy"], shown["name"]) == (digest_of(key), "p1", "server")
    assert operator("GET", "/v1/providers/p9/keys").status_code == 404
    path = f"keys/{shown['id']}"
    assert operator("DELETE", f"/v1/providers/p2/{path}").status_code == 404
    assert opens(key) == 200
    assert operator("DELETE", f"/v1/providers/p1/{path}").status_code == 204
    assert opens(key) == 401
