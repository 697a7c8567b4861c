"""What each function loads for an ordinary request: its cold start, as a list of packages.

A package in the list costs tens to hundreds of milliseconds at each cold start. Adding one to a
function is a decision, made here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.http.routes import Protocol
from functions.main import DOORS
from functions.table import routes
from local.demo import Person
from local.emulators.auth import server as auth
from local.emulators.background import ServedApp
from local.firestore import FirestoreEmulator
from local.seed import create_account
from tests.doors.smallest import smallest
from tests.parts import ENVIRONMENT, PROJECT, service_token, token

HEAVY = {
    "firestore": "google.cloud.firestore_v1.client",
    "tasks": "google.cloud.tasks_v2",
    "firebase_admin": "firebase_admin",
    "httpx": "httpx",
    "events": "google.events.cloud.firestore",
    "fcm": "shared.adapters.push.fcm",
    "requests": "requests",
    "boto3": "boto3",
}

CALLABLES = {row.operation: row for row in routes() if row.protocol is Protocol.CALLABLE}
DATABASE = {"firestore", "requests"}
"""Google's client library brings ``requests`` along."""

BUDGET: dict[str, set[str]] = {
    "provider_api": DATABASE,
    **dict.fromkeys(CALLABLES, DATABASE),
    "device_api": DATABASE,
    "operator_api": DATABASE,
    "on_notification_written": DATABASE | {"events"},
    "on_device_written": {"events"},
    "plan_fanout": DATABASE,
    "send_batch": DATABASE,
    "export_events": DATABASE | {"httpx", "tasks", "boto3"},
    "tick": DATABASE | {"httpx"},
    "telegram_webhook": DATABASE | {"httpx"},
}

CALLS = """
import json, sys
import functions_framework
entry_point, path, method, body, bearer, headers = json.loads(sys.argv[1])
app = functions_framework.create_app(entry_point, "functions/main.py")
headers = {"Authorization": f"Bearer {bearer}", **headers}
answer = app.test_client().open(path, method=method, data=body.encode(), headers=headers)
heavy = json.loads(sys.argv[2])
print(json.dumps([answer.status_code, [n for n, module in heavy.items() if module in sys.modules]]))
"""

ROOT = Path(__file__).parents[2]
JSON = {"Content-Type": "application/json"}
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
BOT = {
    "FANFARE_TELEGRAM_BOT_TOKEN": "1:t",
    "FANFARE_TELEGRAM_WEBHOOK_SECRET": "s" * 16,
    "FANFARE_TELEGRAM_CHAT_ID": "-1",
}
A_REPLY = json.dumps(
    {
        "update_id": 1,
        "message": {
            "message_id": 2,
            "chat": {"id": -1},
            "from": {"id": 3},
            "reply_to_message": {"message_id": 1, "chat": {"id": -1}, "from": {"id": 1}},
        },
    }
)


def an_event(collection: str) -> dict[str, str]:
    return {
        "ce-id": "1",
        "ce-source": "//firestore.googleapis.com/projects/p/databases/(default)",
        "ce-type": "google.cloud.firestore.document.v1.written",
        "ce-specversion": "1.0",
        "ce-subject": f"documents/{collection}/none",
        "Content-Type": "application/protobuf",
    }


def a_call(entry_point: str) -> tuple[str, str, str, str, str, dict[str, str]]:
    function = entry_point.replace("_", "-")
    moderator, operator = token("moderator", moderator=True), token("operator", operator=True)
    batch, nothing = '{"notificationId": "none", "batchId": "none"}', '{"notificationId": "none"}'
    device = token("device:none")
    calls: dict[str, tuple[str, str, str, str, dict[str, str]]] = {
        "provider_api": ("/v1/notifications", "GET", "", token("p1"), {}),
        **{
            name: ("/", "POST", json.dumps({"data": smallest(row.input)}), moderator, JSON)
            for name, row in CALLABLES.items()
        },
        "device_api": ("/v1/devices/none/pending", "GET", "", device, {}),
        "operator_api": ("/v1/providers/p1", "GET", "", operator, {}),
        "plan_fanout": ("/", "POST", '{"notificationId": "none"}', service_token(function), JSON),
        "send_batch": ("/", "POST", batch, service_token(function), JSON),
        "export_events": ("/", "POST", nothing, service_token(function), JSON),
        "tick": ("/", "POST", "{}", service_token(function, "scheduler"), JSON),
        "telegram_webhook": ("/", "POST", A_REPLY, "", {**JSON, SECRET_HEADER: "s" * 16}),
        "on_notification_written": (
            *("/", "POST", "", service_token(function, "events")),
            an_event("pendingNotifications"),
        ),
        "on_device_written": (
            *("/", "POST", "", service_token(function, "events")),
            an_event("devices"),
        ),
    }
    return (entry_point, *calls[entry_point])


def test_every_function_has_a_budget() -> None:
    assert set(BUDGET) == set(DOORS)


@pytest.fixture(scope="module")
def sign_in() -> Iterator[str]:
    """Serve sign-in with the accounts of a moderator and an operator; yield its address."""
    with ServedApp(auth.app(PROJECT)) as served:
        for role in ("moderator", "operator"):
            create_account(served.address, PROJECT, Person(role, "", role, (role,)))
        yield served.address


@pytest.mark.slow
@pytest.mark.parametrize("entry_point", sorted(DOORS))
def test_a_function_loads_what_it_needs_and_nothing_else(
    entry_point: str, firestore_emulator: FirestoreEmulator, sign_in: str
) -> None:
    environment = {
        **ENVIRONMENT,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "FIRESTORE_EMULATOR_HOST": firestore_emulator.address,
        "FIREBASE_AUTH_EMULATOR_HOST": sign_in,
        "CLOUD_TASKS_BASE_URL": "127.0.0.1:1",
        "FCM_BASE_URL": "http://127.0.0.1:1",
        **(BOT if entry_point == "telegram_webhook" else {}),
    }
    if entry_point != "tick":  # which would enqueue a task, and never touches the archive itself
        environment["FANFARE_ARCHIVE"] = "s3://archive/of-a-demo"
    done = subprocess.run(
        [sys.executable, "-c", CALLS, json.dumps(a_call(entry_point)), json.dumps(HEAVY)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    status, loaded = json.loads(done.stdout.splitlines()[-1])
    assert status < 500, done.stdout
    refused = {401} if entry_point == "provider_api" else {401, 403}  # there is no provider
    assert status not in refused, done.stdout
    assert set(loaded) == BUDGET[entry_point]
