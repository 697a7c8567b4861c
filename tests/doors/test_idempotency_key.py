"""A repeated create answers as the first one did, and creates nothing."""

from shared.domain.notifications.replay import Replay
from shared.flow.notifications.once import Once
from shared.ports.database import Update
from shared.stores.replay_codec import REPLAYS
from tests.doors.conftest import Call, a_body
from tests.notification_documents import records
from tests.parts import MemoryParts

KEY = {"Idempotency-Key": "order 17"}


def test_the_same_key_and_body_replay_the_first_answer(provider: Call, world: MemoryParts) -> None:
    first = provider("POST", "/v1/notifications", a_body(), headers=KEY)
    provider("POST", f"/v1/notifications/{first.get_json()['id']}/cancel")
    again = provider("POST", "/v1/notifications", a_body(), headers=KEY)
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert again.headers["Location"] == first.headers["Location"]
    assert len(records(world.database)) == 1


def test_the_same_key_with_another_body_is_refused(provider: Call, world: MemoryParts) -> None:
    provider("POST", "/v1/notifications", a_body(), headers=KEY)
    before = world.stored()
    other = provider("POST", "/v1/notifications", a_body(title="Else"), headers=KEY)
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotencyKeyReused")
    assert world.stored() == before


def test_a_body_is_the_same_whether_or_not_it_names_what_it_leaves_as_it_is(
    provider: Call, world: MemoryParts
) -> None:
    """So a repeat is still known after a deployment that adds a field."""
    first = provider("POST", "/v1/notifications", a_body(), headers=KEY).get_json()
    named = a_body(draft=False, image=None, url="", forceTimer=None)
    again = provider("POST", "/v1/notifications", named, headers=KEY)
    assert (again.status_code, again.get_json()["id"]) == (201, first["id"])
    once = Once.of("p1", KEY["Idempotency-Key"], "create", a_body())
    kept = world.notifications.replay(once.key)
    assert kept is not None
    assert kept.fingerprint == once.fingerprint


def test_a_key_is_its_providers_own(provider: Call, other_provider: Call) -> None:
    mine = provider("POST", "/v1/notifications", a_body(), headers=KEY)
    theirs = other_provider("POST", "/v1/notifications", a_body(), headers=KEY)
    assert theirs.status_code == 201
    assert theirs.get_json()["id"] != mine.get_json()["id"]


def test_while_the_first_is_being_handled_the_second_waits(
    provider: Call, world: MemoryParts
) -> None:
    first = provider("POST", "/v1/notifications", a_body(), headers=KEY).get_json()
    once = Once.of("p1", KEY["Idempotency-Key"], "", None)
    kept = world.notifications.replay(once.key)
    assert isinstance(kept, Replay)
    assert kept.notification_id == first["id"]
    world.database.commit([Update(f"{REPLAYS}/{once.key}", {"answer": None})])
    before = world.stored()
    second = provider("POST", "/v1/notifications", a_body(), headers=KEY)
    assert (second.status_code, second.get_json()["code"]) == (409, "inProgress")
    assert world.stored() == before
