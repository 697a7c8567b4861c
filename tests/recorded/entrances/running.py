"""A Fanfare that holds given documents, in memory or on Firestore's emulator, seen from outside."""

import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from shared.adapters.clock import FixedClock
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_values import decode_fields
from shared.adapters.memory.archive import MemoryArchive
from shared.adapters.memory.senders import MemorySenders
from shared.domain.audience.device import AddressKind
from shared.domain.push.answers import Answer
from shared.ports.database import Put
from shared.settings import read
from shared.wiring import GoogleParts, replaced
from tests.builders import NOON
from tests.flow import push
from tests.moderation import chatroom
from tests.parts import ENVIRONMENT, MemoryParts, memory_parts
from tests.recorded.pages import Documents, Fields

IN_THE_DATABASE = {
    *("apiKeys", "domainHistory", "domains", "exports", "idempotencyKeys", "lanes"),
    *("moderators", "moderationPosts", "moderationPrompts", "platform", "providers", "usage"),
}
HIDDEN = re.compile(r"hmac:[0-9a-f]{16}")
"""The keyed hash of a secret; each process has a key of its own."""
ANSWERS: Mapping[str, Answer] = {
    "accepted": push.accepted(),
    "unregistered": push.address_gone(),
    "busy": push.busy(30.0),
    "lost": push.lost(),
    "refused": push.refused(),
    "misconfigured": push.misconfigured(),
}
"""What a push service may say, by a short name."""


class Fanfare:
    """A Fanfare that holds given documents, and what can be seen of it from outside."""

    def __init__(
        self, own: MemoryParts, chat: chatroom.Line | None, service: push.PushService
    ) -> None:
        """Put the parts together; ``own`` are in memory wherever the documents are."""
        self._parts, self._chat, self._service = own, chat, service
        self._out = io.StringIO()

    def pass_time(self, seconds: float) -> None:
        self._parts.clock.advance(timedelta(seconds=seconds))

    def pass_until(self, moment: str) -> None:
        """Let time pass until then, if that is still to come."""
        if moment:
            clock = self._parts.clock
            clock.set(max(clock.now(), datetime.fromisoformat(moment)))

    def accounts_answer(self, reachable: bool) -> None:
        """Let accounts be looked up, or not."""
        self._parts.standings.reachable = reachable

    def push_answers(self, address: str, *answers: str) -> None:
        """Have the push service say this for an address, one after the other."""
        self._service.will(address, *(ANSWERS[each] for each in answers))

    @contextmanager
    def answers_kept(self) -> Iterator[None]:
        """Keep what is logged."""
        with redirect_stdout(self._out):
            yield

    def logged(self) -> list[dict[str, Any]]:
        """Take the structured lines since the last look, without stacks and traces."""
        text = HIDDEN.sub("hmac:…", self._out.getvalue())
        lines = [json.loads(it) for it in text.splitlines() if it.startswith("{")]
        self._out.seek(0)
        self._out.truncate()
        left_out = {"stack_trace", "logging.googleapis.com/trace"}
        return [{k: v for k, v in line.items() if k not in left_out} for line in lines]

    def enqueued(self) -> list[dict[str, Any]]:
        """Take the tasks since the last look."""
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

    def archived(self) -> dict[str, list[str]]:
        """Read the lines of every object in the archive, by name."""
        objects = getattr(self._parts.archive, "objects", {})
        return {
            name: (gzip.decompress(it) if name.endswith(".gz") else it).decode().splitlines()
            for name, it in sorted(objects.items())
        }

    def told_in_chat(self) -> list[dict[str, Any]]:
        """Take the calls of Telegram's API since the last look."""
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
    """Run a Fanfare at noon of the first of January that holds these documents."""
    with _parts(chat=chat, archive=archive) as (parts, fanfare):
        for path, fields in documents.items():
            _put(parts, path, fields)
        with replaced(parts):
            yield fanfare


@contextmanager
def on_firestore(address: str, project: str, *, chat: bool = True) -> Iterator[Fanfare]:
    """Run one on a project of the emulator; all but the documents is in memory."""
    with ExitStack() as end:
        own, fanfare = end.enter_context(_parts(chat=chat, archive=True))
        environment = end.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("FIRESTORE_EMULATOR_HOST", address)
        parts = GoogleParts(own.settings)
        kept = (
            "clock",
            "tasks",
            "senders",
            "standings",
            "accounts",
            "identities",
            "web",
            "threats",
        )
        vars(parts).update({name: getattr(own, name) for name in (*kept, "archive", "chat")})
        rest = end.enter_context(closing(FirestoreRest(project, address)))
        client = Client(project=project, credentials=AnonymousCredentials())
        vars(parts).update({"_rest": rest, "_firestore": end.enter_context(closing(client))})
        end.enter_context(replaced(parts))
        yield fanfare


class Database:
    """Documents of a project in the emulator, as somebody sees them who does not know us."""

    def __init__(self, address: str, project: str) -> None:
        self._root = f"projects/{project}/databases/(default)/documents"
        self._client = httpx.Client(
            base_url=f"http://{address}/v1/", headers={"Authorization": "Bearer owner"}, timeout=60
        )

    def close(self) -> None:
        self._client.close()

    def put(self, documents: Documents) -> None:
        """Write whole documents."""
        writes = [
            {"update": {"name": f"{self._root}/{path}", "fields": fields}}
            for path, fields in documents.items()
        ]
        self._post(f"{self._root}:commit", {"writes": writes})

    def all(self) -> dict[str, Fields]:
        """Read everything that is there, by path."""
        return dict(self._below(self._root))

    def _below(self, parent: str) -> Iterator[tuple[str, Fields]]:
        """Look below what is gone, too: there may be documents."""
        listed = self._post(f"{parent}:listCollectionIds", {})
        for collection in sorted(listed.get("collectionIds", [])):
            asked: dict[str, str] = {"pageSize": "300", "showMissing": "true"}
            answer = self._client.get(f"{parent}/{collection}", params=asked)
            for document in answer.raise_for_status().json().get("documents", []):
                if "updateTime" in document:
                    path = document["name"].partition("/documents/")[2]
                    yield path, _whole(document.get("fields", {}))
                if collection == "pendingNotifications":
                    yield from self._below(document["name"])

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._client.post(path, json=body).raise_for_status().json()


def _whole(fields: Fields) -> Fields:
    """Fill in what the emulator leaves out: that a list or a map is empty."""
    return {name: _whole_value(value) for name, value in fields.items()}


def _whole_value(value: Fields) -> Fields:
    match value:
        case {"arrayValue": listed}:
            values = [_whole_value(each) for each in listed.get("values", [])]
            return {"arrayValue": {"values": values}}
        case {"mapValue": mapped}:
            return {"mapValue": {"fields": _whole(mapped.get("fields", {}))}}
    return value


@contextmanager
def _parts(*, chat: bool, archive: bool) -> Iterator[tuple[MemoryParts, Fanfare]]:
    parts, service = memory_parts(), push.PushService()
    environment = {**ENVIRONMENT}
    with ExitStack() as end:
        wire: chatroom.Line | None = None
        if chat:
            wire = end.enter_context(chatroom.line())
            parts.chat = wire.chat
            wire.telegram.received.clear()
            environment |= {
                "FANFARE_TELEGRAM_BOT_TOKEN": chatroom.TOKEN,
                "FANFARE_TELEGRAM_WEBHOOK_SECRET": chatroom.SECRET,
                "FANFARE_TELEGRAM_CHAT_ID": str(chatroom.ROOM),
            }
        if archive:
            parts.archive = MemoryArchive()
            environment |= {"FANFARE_ARCHIVE": "s3://archive/prod"}
        parts.settings = read(environment)
        parts.clock = FixedClock(NOON)
        parts.senders = MemorySenders(dict.fromkeys(AddressKind, service))
        yield parts, Fanfare(parts, wire, service)


def _put(parts: MemoryParts, path: str, fields: Fields) -> None:
    plain = decode_fields({"fields": fields})
    match path.split("/"):
        case ["pendingNotifications", _] | ["pendingNotifications", _, "history", _]:
            parts.database.commit([Put(path, plain)])
        case ["pendingNotifications", _, "parts" | "batches", _]:
            parts.database.hold(path, plain)
        case ["devices" | "deviceSecrets", _]:
            parts.database.hold(path, plain)
        case [collection, _] if collection in IN_THE_DATABASE:
            parts.database.commit([Put(path, plain)])
        case _:
            raise AssertionError(f"no place for {path}")
