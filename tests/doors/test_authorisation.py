"""``docs/authorisation.md``, cell by cell: every endpoint called as every caller."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from google.events.cloud.firestore import Document, DocumentEventData

from functions.http.bodies import EmptyRequest
from functions.http.routes import Protocol
from functions.main import DOORS
from functions.table import routes
from shared.domain.notifications.lifecycle import Status
from shared.flow.providers.keys import digest_of
from shared.settings import read
from tests.builders import NOON, a_notification
from tests.doors.conftest import bearer, client
from tests.doors.smallest import smallest
from tests.notification_documents import keep
from tests.parts import ENVIRONMENT, MemoryParts, forged, service_token, token

DOCUMENT = Path(__file__).parents[2] / "docs" / "authorisation.md"
API_KEY = "ffk_of-the-owners-server"
SPARE_KEY = "ffk_to-be-deleted"
SECRET = "secret-of-h1"
BOT = {
    "FANFARE_TELEGRAM_BOT_TOKEN": "4242:of-the-bot",
    "FANFARE_TELEGRAM_WEBHOOK_SECRET": "agreed-with-telegram",
    "FANFARE_TELEGRAM_CHAT_ID": "-1001",
}
EVERYTHING = {"moderator": True, "operator": True}
SERVICES = {
    "tick": "scheduler",
    "plan-fanout": "tasks",
    "send-batch": "tasks",
    "export-events": "tasks",
}

ROWS = {row.endpoint: row for row in routes()}

CALLERS: Mapping[str, Callable[[str], str]] = {
    "owner": lambda _: token("p1"),
    "other provider": lambda _: token("p2"),
    "API key": lambda _: API_KEY,
    "moderator": lambda _: token("m1", moderator=True),
    "operator": lambda _: token("o1", operator=True),
    "device": lambda _: SECRET,
    "device's ID token": lambda _: token("device:h1", device=True),
    "another device": lambda _: token("device:h2", device=True),
    "Google": lambda function: service_token(function, SERVICES.get(function, "events")),
    "expired": lambda _: token("p1", expires_in_seconds=-60, **EVERYTHING),
    "forged": lambda _: forged("p1", **EVERYTHING),
    "nobody": lambda _: "",
}

A_DEVICE = {
    "hwid": "h1",
    "platform": "linux",
    "locale": "en",
    "timeZone": "UTC",
    "appVersion": "1",
    "domains": ["example.com"],
}
BODIES: Mapping[str, object] = {
    "provider-api PATCH /v1/notifications/{id}": {"title": "Better"},
    "device-api POST /v1/devices": A_DEVICE,
    "operator-api PUT /v1/providers/{uid}": {"isPremium": True},
    "operator-api PUT /v1/moderation": {"secondApprovalAbove": 10},
    "operator-api PUT /v1/domains/{domain}": {"isVerified": True},
    "plan-fanout POST /": {"notificationId": "none"},
    "export-events POST /": {"notificationId": "none"},
    "send-batch POST /": {"notificationId": "none", "batchId": "b"},
}
"""What is sent where the smallest body that the route takes would not do."""

IDS: Mapping[str, str] = {
    "DELETE /v1/notifications/{id}": "draft",
    "POST /v1/notifications/{id}/submit": "draft",
    "POST /v1/notifications/{id}/stop": "sending",
    "DELETE /v1/keys/{id}": digest_of(SPARE_KEY),
    "DELETE /v1/providers/{uid}/keys/{id}": digest_of(SPARE_KEY),
}
"""Which record the endpoint is tried on; ``pending`` where it is not said."""


def documented() -> dict[str, dict[str, int]]:
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if line.startswith(("| endpoint", "| `"))
    ]
    header, *body = rows
    return {
        row[0].replace("`", ""): dict(zip(header[1:], map(int, row[1:]), strict=True))
        for row in body
    }


def endpoints() -> set[str]:
    """Name every row of the table, and the doors without rows."""
    others = {name.replace("_", "-") for name in DOORS} - {row.function for row in ROWS.values()}
    return {*ROWS, *(f"{function} POST /" for function in others)}


def request_of(endpoint: str) -> tuple[str, str, str, dict[str, Any]]:
    function, method, template = endpoint.split(" ")
    names = {
        "id": IDS.get(f"{method} {template}", "pending"),
        "hwid": "h1",
        "domain": "example.com",
        "uid": "anna" if "moderators" in template else "p1",
    }
    path = re.sub(r"{(\w+)}", lambda found: names[found[1]], template)
    if function.startswith("on-"):
        return function, method, path, an_event(function)
    body = BODIES.get(endpoint, smallest_of(endpoint))
    return function, method, path, {} if body is None else {"json": body}


def smallest_of(endpoint: str) -> object:
    """Build the smallest body that a route takes; ``None`` for none."""
    row = ROWS.get(endpoint)
    if row is None or row.method == "GET" or row.input is EmptyRequest:
        return None
    body = smallest(row.choice.models[0] if row.choice else row.input, id="pending")
    return {"data": body} if row.protocol is Protocol.CALLABLE else body


def an_event(function: str) -> dict[str, Any]:
    """Build Eventarc's event of a document that was deleted."""
    document = "pendingNotifications/none" if "notification" in function else "devices/none"
    name = f"projects/demo-fanfare/databases/(default)/documents/{document}"
    return {
        "data": DocumentEventData.serialize(DocumentEventData(old_value=Document(name=name))),
        "headers": {
            "Content-Type": "application/protobuf",
            "ce-id": "1",
            "ce-source": "//firestore.googleapis.com/projects/demo-fanfare/databases/(default)",
            "ce-specversion": "1.0",
            "ce-type": "google.cloud.firestore.document.v1.written",
            "ce-subject": f"documents/{document}",
        },
    }


@pytest.fixture
def furnished(world: MemoryParts) -> MemoryParts:
    world.settings = read({**ENVIRONMENT, **BOT})
    for status in (Status.DRAFT, Status.PENDING, Status.SENDING):
        record = a_notification(str(status), status)
        keep(world.database, record)
    for key in (API_KEY, SPARE_KEY):
        world.providers.add_key(digest_of(key), "p1", "server", NOON)
    world.database.hold("devices/h1", {"hwid": "h1", "platform": "linux"})
    world.database.hold("deviceSecrets/h1", {"digest": digest_of(SECRET)})
    return world


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("endpoint", documented())
def test_every_caller_gets_what_the_table_says(
    furnished: MemoryParts, endpoint: str, caller: str
) -> None:
    function, method, path, sent = request_of(endpoint)
    credential = CALLERS[caller](function)
    headers = {**sent.pop("headers", {}), **(bearer(credential) if credential else {})}
    before = furnished.stored()
    response = client(function.replace("-", "_")).open(path, method=method, headers=headers, **sent)
    assert response.status_code == documented()[endpoint][caller], response.text
    if response.status_code >= 400:
        assert furnished.stored() == before


def test_the_table_has_every_endpoint_and_no_other() -> None:
    assert set(documented()) == endpoints()


def test_the_table_has_every_caller() -> None:
    assert {tuple(row) for row in documented().values()} == {tuple(CALLERS)}
