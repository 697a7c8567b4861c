"""Who calls Fanfare's doors, what can be called there, and how a call is made."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.events.cloud.firestore import Document, DocumentEventData, Value
from werkzeug.test import TestResponse

from functions.main import DOORS
from functions.table import routes
from tests.doors.conftest import client
from tests.moderation import chatroom
from tests.parts import forged, service_token, token
from tests.recorded.pages import Fields

TRACE = "0123456789abcdef0123456789abcdef"
ROOM, TELEGRAM_SECRET = chatroom.ROOM, chatroom.SECRET
DEVICE_SECRET = "secret-of-h1-secret-of-h1-secret-of-h1"
API_KEY = "ffk_of-the-owners-server"
ACCOUNTS = {"tick": "scheduler", "on-notification-written": "events", "on-device-written": "events"}


# ---- who calls -------------------------------------------------------------------------------


def credential(caller: str, function: str) -> str:
    """Make what a caller, by its name in ``docs/authorisation.md``, proves itself by."""
    everything = {"moderator": True, "operator": True}
    match caller:
        case "nobody":
            return ""
        case "owner":
            return token("p1")
        case "owner since long ago":
            return token("p1", auth_time=int(time.time()) - 1000)
        case "other provider":
            return token("p2")
        case "API key":
            return API_KEY
        case "moderator" | "second moderator":
            return token("m1" if caller == "moderator" else "m2", moderator=True)
        case "operator":
            return token("o1", operator=True)
        case "device":
            return DEVICE_SECRET
        case "device's ID token":
            return token("device:h1", device=True, generation="generation-of-h1")
        case "another device":
            return token("device:h2", device=True)
        case "Google":
            return service_token(function, ACCOUNTS.get(function, "tasks"))
        case "expired":
            return token("p1", expires_in_seconds=-60, **everything)
        case "forged":
            return forged("p1", **everything)
    return token(caller)


# ---- what can be called ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the table of routes; of a door without rows, the door."""

    function: str
    method: str
    template: str
    takes_fields: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"


def endpoints() -> Iterator[Endpoint]:
    """List everything that can be called."""
    rows = list(routes())
    for route in rows:
        takes = bool(route.input.model_fields)
        yield Endpoint(route.function, route.method, route.template, takes_fields=takes)
    with_rows = {row.function for row in rows}
    for function in (entry_point.replace("_", "-") for entry_point in DOORS):
        if function not in with_rows:
            yield Endpoint(function, "POST", "/", takes_fields=False)


def call(function: str, method: str, path: str, **sent: Any) -> TestResponse:
    """Send a request as Google's framework hands it over."""
    return client(function.replace("-", "_")).open(path, method=method, **sent)


def event(path: str, fields: Fields) -> dict[str, Any]:
    """Make the call of Eventarc after a document was written, with its texts."""
    root = "projects/demo-fanfare/databases/(default)"
    texts = {name: it["stringValue"] for name, it in fields.items() if "stringValue" in it}
    values = {name: Value(string_value=text) for name, text in texts.items()}
    document = Document(name=f"{root}/documents/{path}", fields=values)
    return {
        "data": DocumentEventData.serialize(DocumentEventData(value=document)),
        "headers": {
            "Content-Type": "application/protobuf",
            "ce-id": "1",
            "ce-source": f"//firestore.googleapis.com/{root}",
            "ce-specversion": "1.0",
            "ce-type": "google.cloud.firestore.document.v1.written",
            "ce-subject": f"documents/{path}",
        },
    }
