"""The only place that knows how the recorded code is built, and where its documents go in and out.

When the inside of Fanfare is rebuilt, this module is what changes, and no recording.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from typing import Any

from google.events.cloud.firestore import Document, DocumentEventData, Value
from werkzeug.test import TestResponse

from functions._openapi import description
from functions._provider import DOOR
from functions._rest import Door
from functions.main import DOORS
from shared.adapters.clock import FixedClock
from shared.adapters.documents.posts import prompt_from
from shared.adapters.firestore.ledger_documents import batch_from, part_from
from shared.adapters.firestore.rest_values import decode_fields, moment
from shared.adapters.lanes import _lane
from shared.adapters.memory.archive import MemoryArchive
from shared.domain.archive import Export, Sealed
from shared.domain.device import AddressKind
from shared.domain.notification import NotificationId
from shared.settings import read
from shared.wiring import replaced
from tests.builders import NOON
from tests.doors.conftest import client
from tests.flow.push import PushService
from tests.moderation import chatroom
from tests.parts import ENVIRONMENT, MemoryParts, forged, memory_parts, service_token, token

Fields = Mapping[str, Any]
"""Fields of a document in the form of Firestore's REST API, with the type of each value."""
Documents = Mapping[str, Fields]
"""By path: ``pendingNotifications/n1/history/0001``."""

HIDDEN = re.compile(r"hmac:[0-9a-f]{16}")
"""The keyed hash of a secret; each process has a key of its own."""

TRACE = "0123456789abcdef0123456789abcdef"
ROOM, TELEGRAM_SECRET = chatroom.ROOM, chatroom.SECRET
DEVICE_SECRET = "secret-of-h1-secret-of-h1-secret-of-h1"
API_KEY = "ffk_of-the-owners-server"
ACCOUNTS = {"tick": "scheduler", "on-notification-written": "events", "on-device-written": "events"}


# ---- who calls -------------------------------------------------------------------------------


def credential(caller: str, function: str) -> str:
    """What a caller, by its name in ``docs/authorisation.md``, shows to prove itself."""
    everything = {"moderator": True, "operator": True}
    match caller:
        case "nobody":
            return ""
        case "owner":
            return token("p1")
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
    """One row of a door's table; of a door without a table, the door."""

    function: str
    method: str
    template: str
    takes_fields: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"


def endpoints() -> Iterator[Endpoint]:
    """Everything that is deployed."""
    for entry_point, module in DOORS.items():
        function = entry_point.replace("_", "-")
        door = getattr(import_module(module), "DOOR", None)
        if not isinstance(door, Door):
            callable_ = module == "functions.moderation"
            yield Endpoint(function, "POST", "/", takes_fields=callable_)
            continue
        for route in door.routes:
            takes = bool(route.given.model_fields)
            yield Endpoint(function, route.method, route.template, takes_fields=takes)


def openapi() -> Mapping[str, Any]:
    """The description of ``provider-api``."""
    return description(DOOR)


def call(function: str, method: str, path: str, **sent: Any) -> TestResponse:
    """A request as Google's framework hands it over."""
    return client(function.replace("-", "_")).open(path, method=method, **sent)


def event(path: str, fields: Fields) -> dict[str, Any]:
    """The call of Eventarc after a document was written, with its texts."""
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


# ---- a Fanfare in memory ---------------------------------------------------------------------


class Fanfare:
    """A Fanfare that holds given documents, and what can be seen of it from outside."""

    def __init__(self, parts: MemoryParts, chat: chatroom.Line | None) -> None:
        self._parts, self._chat = parts, chat
        self._out = io.StringIO()

    def pass_time(self, seconds: float) -> None:
        self._parts.clock.advance(timedelta(seconds=seconds))

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Keep what is logged."""
        with redirect_stdout(self._out):
            yield

    def logged(self) -> list[dict[str, Any]]:
        """The structured lines since the last look, without stacks and traces."""
        text = HIDDEN.sub("hmac:…", self._out.getvalue())
        lines = [json.loads(it) for it in text.splitlines() if it.startswith("{")]
        self._out.seek(0)
        self._out.truncate()
        left_out = {"stack_trace", "logging.googleapis.com/trace"}
        return [{k: v for k, v in line.items() if k not in left_out} for line in lines]

    def enqueued(self) -> list[dict[str, Any]]:
        """The tasks since the last look."""
        tasks = iter(self._parts.tasks.take, None)
        return [
            {
                "queue": str(task.queue),
                "function": task.function,
                "name": task.name,
                "payload": dict(task.payload),
                **({"notBefore": task.not_before.isoformat()} if task.not_before else {}),
            }
            for task in tasks
        ]

    def told_in_chat(self) -> list[dict[str, Any]]:
        """The calls of Telegram's API since the last look."""
        if self._chat is None:
            return []
        calls = [
            {"method": each["method"], "given": each["given"]}
            for each in self._chat.telegram.received
        ]
        self._chat.telegram.received.clear()
        return calls


@contextmanager
def in_memory(
    documents: Documents, *, chat: bool = False, archive: bool = False
) -> Iterator[Fanfare]:
    """A Fanfare at noon of the first of January that holds these documents."""
    parts = memory_parts()
    environment = {**ENVIRONMENT}
    with ExitStack() as end:
        wire: chatroom.Line | None = None
        if chat:
            wire = end.enter_context(chatroom.line())
            parts.chat = wire.chat
            wire.telegram.received.clear()
            environment |= {
                "FANFARE_TELEGRAM_BOT_TOKEN": chatroom.TOKEN,
                "FANFARE_TELEGRAM_WEBHOOK_SECRET": TELEGRAM_SECRET,
                "FANFARE_TELEGRAM_CHAT_ID": str(ROOM),
            }
        if archive:
            parts.archive = MemoryArchive()
            environment |= {"FANFARE_ARCHIVE": "s3://archive/prod"}
        parts.settings = read(environment)
        parts.clock = FixedClock(NOON)
        parts.senders = {AddressKind.FCM: PushService()}
        for path, fields in documents.items():
            _put(parts, path, fields)
        end.enter_context(replaced(parts))
        yield Fanfare(parts, wire)


def _put(parts: MemoryParts, path: str, fields: Fields) -> None:
    document = {"name": f"x/documents/{path}", "fields": fields, "updateTime": "1"}
    plain = decode_fields(document, moment)
    match path.split("/"):
        case ["pendingNotifications", id]:
            parts.notifications._notifications.put(id, plain)
        case ["pendingNotifications", id, "history", _]:
            parts.notifications._history.setdefault(id, []).append(plain)
        case ["pendingNotifications", id, "parts", _]:
            part = part_from(document)
            parts.ledger.by_part[id, part.low] = part
        case ["pendingNotifications", id, "batches", batch]:
            parts.ledger.by_batch[id, batch] = batch_from(document)
        case ["idempotencyKeys", id]:
            parts.notifications._replays.put(id, plain)
        case ["providers", id]:
            parts.providers._providers.put(id, plain)
        case ["domains", id]:
            parts.providers._domains.put(id, plain)
        case ["domainHistory", id]:
            parts.providers._history.put(id, plain)
        case ["apiKeys", id]:
            parts.providers._keys.put(id, plain)
        case ["devices", id]:
            parts.devices.merge(id, plain)
        case ["deviceSecrets", id]:
            parts.devices.secrets[id] = plain.get("digest", "")
            parts.devices.generations[id] = plain.get("generation", "")
        case ["moderators", id]:
            parts.moderators._moderators.put(id, plain)
        case ["usage", id]:
            parts.usage._windows.put(id, plain)
        case ["moderationPosts", id]:
            parts.posts._posts.put(id, plain)
        case ["moderationPrompts", id]:
            parts.posts.keep_prompt(prompt_from(id, plain))
        case ["lanes", id]:
            parts.lanes.lanes[id] = _lane(document)
        case ["exports", id]:
            parts.exports.marks[id] = Export(
                notification_id=NotificationId(id),
                provider_id=plain["providerId"],
                day=date.fromisoformat(plain["day"]),
                objects=tuple(Sealed(**it) for it in plain["objects"]),
                cursor=plain["cursor"],
                sealed_at=plain.get("sealedAt"),
                manifest=plain.get("manifest"),
                version="1",
            )
        case ["platform", "stop"]:
            parts.stop_switch.document = plain
        case ["platform", "moderation"]:
            parts.review_policies.document = plain
        case ["platform", "moderationReminder"]:
            parts.review_policies.reminder = plain
        case _:
            raise AssertionError(f"no place for {path}")
