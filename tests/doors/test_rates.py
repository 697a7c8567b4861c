"""What costs much and leaves nothing behind has a rate; what is kept has a cap."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.providers.provider import Limit
from tests.builders import a_domain
from tests.doors.conftest import Call, a_body, door, errors_of
from tests.parts import MemoryParts, token

Sent = tuple[Any, ...]

ESTIMATE: Sent = ("POST", "/v1/estimates", {"targetSegment": {}})
SEARCH: Sent = ("GET", "/v1/notifications?q=sale")
DRAFT: Sent = ("POST", "/v1/notifications", {"draft": True})
KEY: Sent = ("POST", "/v1/keys", {"name": "server"})


def limited(world: MemoryParts, **limits: int) -> None:
    provider = world.providers.get("p1")
    assert provider
    world.providers.put(replace(provider, limits=tuple(limits.items())))


def too_many(answer: Any) -> str:
    assert answer.status_code == 429, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    code: str = answer.get_json()["code"]
    return code


@pytest.mark.parametrize(
    ("limit", "call"),
    [
        (Limit.ESTIMATES_PER_MINUTE, ESTIMATE),
        (Limit.SEARCHES_PER_MINUTE, SEARCH),
        (Limit.DRAFTS_PER_MINUTE, DRAFT),
        (Limit.API_KEYS_PER_MINUTE, KEY),
    ],
)
def test_a_rate_is_a_minute_s_worth_at_once_and_then_evenly(
    provider: Call, other_provider: Call, world: MemoryParts, limit: Limit, call: Any
) -> None:
    limited(world, **{limit: 3})
    assert [provider(*call).status_code < 300 for _ in range(3)] == [True] * 3
    refused = provider(*call)
    assert too_many(refused) == f"{limit}Reached"
    assert refused.headers["Retry-After"] == "20"
    assert other_provider(*call).status_code < 300
    world.clock.advance(timedelta(seconds=20))
    assert provider(*call).status_code < 300
    assert too_many(provider(*call)) == f"{limit}Reached"


def test_a_list_without_a_search_has_no_rate(provider: Call, world: MemoryParts) -> None:
    limited(world, searchesPerMinute=0)
    assert too_many(provider(*SEARCH)) == "searchesPerMinuteReached"
    assert provider("GET", "/v1/notifications").status_code == 200


def test_a_copy_is_a_draft_too(provider: Call, world: MemoryParts) -> None:
    id = provider("POST", "/v1/notifications", a_body()).get_json()["id"]
    limited(world, draftsPerMinute=1)
    assert provider("POST", f"/v1/notifications/{id}/duplicate").status_code == 201
    again = provider("POST", f"/v1/notifications/{id}/duplicate")
    assert too_many(again) == "draftsPerMinuteReached"


def test_drafts_are_counted_until_they_are_submitted_or_deleted(
    provider: Call, world: MemoryParts
) -> None:
    limited(world, drafts=2)
    first = provider("POST", "/v1/notifications", a_body(draft=True)).get_json()["id"]
    second = provider(*DRAFT).get_json()["id"]
    assert too_many(provider(*DRAFT)) == "draftsReached"
    assert too_many(provider("POST", f"/v1/notifications/{first}/duplicate")) == "draftsReached"
    assert provider("POST", "/v1/notifications", a_body()).status_code == 201
    assert provider("POST", f"/v1/notifications/{first}/submit").status_code == 200
    assert provider(*DRAFT).status_code == 201
    assert provider("DELETE", f"/v1/notifications/{second}").status_code == 204
    assert provider(*DRAFT).status_code == 201


def test_a_draft_under_a_key_that_was_used_is_answered_beyond_every_limit(
    provider: Call, world: MemoryParts
) -> None:
    headers = {"Idempotency-Key": "k"}
    made = provider(*DRAFT, headers=headers)
    limited(world, drafts=0, draftsPerMinute=0)
    assert provider(*DRAFT, headers=headers).get_json() == made.get_json()


def test_a_provider_has_so_many_keys_and_no_more(provider: Call, world: MemoryParts) -> None:
    limited(world, apiKeys=2)
    first = provider(*KEY).get_json()["id"]
    assert provider(*KEY).status_code == 201
    assert too_many(provider(*KEY)) == "apiKeysReached"
    assert len(world.providers.keys_of("p1")) == 2
    assert provider("DELETE", f"/v1/keys/{first}").status_code == 204
    assert provider(*KEY).status_code == 201


def test_an_estimate_of_very_many_combinations_is_refused_before_anything_is_counted(
    provider: Call, world: MemoryParts
) -> None:
    regions = [f"{a}{b}" for a in "abcdefghijklmnop" for b in "abcdefghijklmnop"][:250]
    for number in range(61):
        world.providers.put_domain(a_domain(f"d{number}.example", "p1"))
    refused = provider("POST", "/v1/estimates", {"targetSegment": {"region": regions}})
    assert errors_of(refused) == {"targetSegment.region": "tooManyCombinations"}
    one = {"region": regions, "domain": "d1.example"}
    assert provider("POST", "/v1/estimates", {"targetSegment": one}).status_code == 200


def test_an_estimate_costs_as_much_as_it_counts(provider: Call, world: MemoryParts) -> None:
    limited(world, estimatesPerMinute=4)
    wide = {"targetSegment": {"region": [f"{a}{b}" for a in "abcdef" for b in "abcdefghij"]}}
    assert provider("POST", "/v1/estimates", wide).status_code == 200
    assert provider("POST", "/v1/estimates", wide).status_code == 200
    assert too_many(provider(*ESTIMATE)) == "estimatesPerMinuteReached"


def test_a_moderator_s_searches_have_a_rate_of_their_own(world: MemoryParts) -> None:
    search = {"data": {"q": "sale"}}
    first = door("moderation_queue", token("m1", moderator=True))
    answers = [first("POST", "/", search).status_code for _ in range(121)]
    assert answers == [200] * 120 + [429]
    assert first("POST", "/", {"data": {}}).status_code == 200
    second = door("moderation_queue", token("m2", moderator=True))
    assert second("POST", "/", search).status_code == 200


def test_operators_raise_every_limit(operator: Call) -> None:
    raised = {str(limit): 10_000 for limit in Limit}
    answer = operator("PUT", "/v1/providers/p1", {"limits": raised})
    assert answer.get_json()["limits"] == raised
