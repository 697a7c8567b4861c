"""Events of written documents, posted to the gateway as Firestore's emulator posts them.

One at a time, in order, and again until the gateway takes it or says that it never will. What the
function then answers is the business of ``local.emulators.eventarc``. A write that changes nothing
is no event, as in Firestore.
"""

import base64
import logging
import queue
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
from google.events.cloud.firestore import DocumentEventData
from google.protobuf.json_format import ParseDict

from local.emulators.firestore.values import shown_fields
from shared.adapters.firestore.rest_values import Raw, written
from shared.ports.database import Document

CREATED, UPDATED, DELETED, WRITTEN = "created", "updated", "deleted", "written"
_FAMILY = "google.cloud.firestore.document.v1."
AGAIN_AFTER_SECONDS = 0.2

logger = logging.getLogger("firestore")


@dataclass(frozen=True, slots=True)
class Trigger:
    """Function that hears of one kind of event of the documents whose name has this form."""

    key: str
    event: str
    document: str

    def hears_of(self, event: str, name: str) -> bool:
        """Tell whether an event is for it."""
        form = re.sub(r"\\{[^/]+?\\}", "[^/]+", re.escape(self.document))
        return self.event in {event, WRITTEN} and re.fullmatch(form, name) is not None


@dataclass(frozen=True, slots=True)
class Change:
    """Document before and after a write."""

    project: str
    name: str
    before: Document | None
    after: Document | None
    at: datetime

    @property
    def event(self) -> str:
        """Kind of event."""
        if self.before is None:
            return CREATED
        return DELETED if self.after is None else UPDATED

    def headers(self, event: str) -> Mapping[str, str]:
        """Build the headers of the event."""
        path = quote(self.name)
        return {
            "content-type": "application/protobuf",
            "ce-specversion": "1.0",
            "ce-id": uuid.uuid4().hex,
            "ce-type": f"{_FAMILY}{event}",
            "ce-source": f"//firestore.googleapis.com/projects/{self.project}/databases/(default)",
            "ce-subject": f"documents/{path}",
            "ce-document": path,
            "ce-project": self.project,
            "ce-database": "(default)",
            "ce-namespace": "(default)",
            "ce-time": written(self.at),
        }

    def body(self) -> bytes:
        """Encode the event's data, which comes in base64 as from the emulator."""
        data: Any = DocumentEventData.pb()()
        both = {"oldValue": self._shown(self.before), "value": self._shown(self.after)}
        ParseDict({which: it for which, it in both.items() if it}, data)
        return base64.b64encode(data.SerializeToString())

    def _shown(self, document: Document | None) -> Raw:
        if document is None:
            return {}
        root = f"projects/{self.project}/databases/(default)/documents"
        return {
            "name": f"{root}/{self.name}",
            "fields": shown_fields(document.fields),
            "updateTime": document.version,
        }


class Triggers:
    """Triggers of all projects, and a thread that sends their events to ``host:port``."""

    def __init__(self, functions: str | None) -> None:
        self._functions = functions
        self._triggers: dict[str, dict[str, Trigger]] = {}
        self._changes: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="triggers", daemon=True)

    def register(self, project: str, key: str, asked: Raw) -> None:
        """Register a trigger, or replace that of the key. Raises ``LookupError`` for a bad one."""
        document, kind = asked["document"], asked["eventType"].removeprefix(_FAMILY)
        if kind not in {CREATED, UPDATED, DELETED, WRITTEN}:
            raise LookupError(f"no event {asked['eventType']}")
        trigger = Trigger(key, kind, document["value"])
        self._triggers[project] = {**self._triggers.get(project, {}), key: trigger}

    def changed(
        self, project: str, name: str, before: Document | None, after: Document | None
    ) -> None:
        """Note a write, for the thread; the caller holds the database's lock."""
        same = (before and before.fields) == (after and after.fields)
        if self._functions is not None and project in self._triggers and not same:
            self._changes.put(Change(project, name, before, after, datetime.now(UTC)))

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; events that were not sent are lost."""
        self._ended.set()
        self._changes.put(None)
        self._thread.join()

    def _work(self) -> None:
        with httpx.Client(base_url=f"http://{self._functions}", trust_env=False) as client:
            while (change := self._changes.get()) is not None:
                for trigger in self._heard(change):
                    self._send(client, trigger, change)

    def _heard(self, change: Change) -> Iterator[Trigger]:
        for trigger in self._triggers.get(change.project, {}).values():
            if trigger.hears_of(change.event, change.name):
                yield trigger

    def _send(self, client: httpx.Client, trigger: Trigger, change: Change) -> None:
        url = f"/functions/projects/{change.project}/triggers/{trigger.key}"
        headers, body = change.headers(trigger.event), change.body()
        while not self._ended.is_set():
            try:
                answer = client.post(url, headers=headers, content=body, timeout=60)
            except httpx.TransportError:
                self._ended.wait(AGAIN_AFTER_SECONDS)
                continue
            if answer.is_error:
                logger.warning("%s answered %d of %s", url, answer.status_code, change.name)
            return
