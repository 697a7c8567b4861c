"""A test send over HTTP, through the real functions, Firestore and the push services' emulators."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from local import demo
from local.journey import Person
from local.stack_file import Stack

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]

NOTIFICATIONS = "/provider-api/v1/notifications"
WORDS = "Only for the editor's eyes"


def received(stack: Stack) -> list[Mapping[str, Any]]:
    """List what FCM got of the test: its words stand in nothing else."""
    answer = httpx.get(f"{stack.fcm}/received", params={"limit": 10000}, timeout=60)
    return [it for it in answer.json()["received"] if WORDS in str(it)]


def test_a_draft_is_seen_on_the_admin_phone_before_anybody_decides(
    stack: Stack, provider: Person
) -> None:
    draft = {"title": WORDS, "body": "Is it well put?", "draft": True}
    id = provider.call("POST", NOTIFICATIONS, json=draft)["id"]
    before = provider.call("GET", f"{NOTIFICATIONS}/{id}")
    refused = provider.client.post(f"{NOTIFICATIONS}/{id}/test", json={"hwids": ["nobody"]})
    assert refused.status_code == 422
    assert received(stack) == []

    named = {"hwids": [demo.ADMIN_HWID]}
    (result,) = provider.call("POST", f"{NOTIFICATIONS}/{id}/test", json=named)["results"]
    assert (result["hwid"], result["outcome"]) == (demo.ADMIN_HWID, "delivered")
    assert len(received(stack)) == 1
    assert provider.call("GET", f"{NOTIFICATIONS}/{id}") == before

    target = {"targetSegment": {"hwid": demo.ADMIN_HWID}}
    provider.call("PATCH", f"{NOTIFICATIONS}/{id}", json=target)
    provider.call("POST", f"{NOTIFICATIONS}/{id}/submit")
    decided = provider.client.post(f"{NOTIFICATIONS}/{id}/test")
    assert (decided.status_code, decided.json()["code"]) == (409, "wrongState")
