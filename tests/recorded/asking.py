"""Requests to the doors, and how one of them with its answer becomes a recording."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from werkzeug.test import TestResponse

from tests.recorded.entrances.doors import TRACE, call, credential
from tests.recorded.entrances.running import Fanfare, in_memory
from tests.recorded.pages import HERE, Documents, Json, load

ANSWERS = HERE / "answers"
AS = "as"
"""Refers to the request in the same file that has the same answer."""
INCIDENTAL = frozenset({"Content-Length", "Date", "Server"})
"""Headers that say nothing of their own."""

_UNIQUE = re.compile(r'"(deviceSecret|key)":"(ffk_)?[A-Za-z0-9_-]{43}"')
_NEW_KEY = re.compile(r'"id":"[0-9a-f]{64}"(,"name":"[^"]*","key":)')


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, in a Fanfare of its own that holds ``world.json``.

    ``endpoint`` is the row of the door's table, ``path`` what is asked for where it is not the
    usual. ``documents`` changes documents beforehand (``None`` removes a field, or all of it),
    ``first`` are requests that go before, and ``after_seconds`` pass then. Without ``accounts``
    nobody's account can be looked up.
    """

    about: str
    endpoint: str
    caller: str = "owner"
    path: str = ""
    body: Json = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, Json] | None] = field(default_factory=dict)
    first: "Sequence[Ask]" = ()
    after_seconds: float = 0
    chat: bool = False
    archive: bool = False
    accounts: bool = True
    event: Mapping[str, Any] | None = None

    @property
    def where(self) -> tuple[str, str]:
        """Method and path."""
        method, _, template = self.endpoint.partition(" ")
        usual = {"id": "pending", "hwid": "h1", "domain": "example.com", "uid": "p1"}
        return method, self.path or re.sub(r"{(\w+)}", lambda it: usual[it[1]], template)


def recorded(function: str, asks: Sequence[Ask]) -> Json:
    """Ask a door everything; the headers that most answers have stand once."""
    rows = {ask.about: _exchange(function, ask) for ask in asks}
    assert len(rows) == len(asks), f"{function}: two requests are about the same"
    usual = _usual([row["answer"]["headers"] for row in rows.values()])
    for row in rows.values():
        own = row["answer"].pop("headers")
        names = dict.fromkeys([*usual, *own])
        odd = {name: own.get(name) for name in names if own.get(name) != usual.get(name)}
        row["answer"] |= {"headers": odd} if odd else {}
    known: dict[str, str] = {}
    for name, row in rows.items():
        first = known.setdefault(json.dumps(row["answer"]), name)
        if first != name:
            row["answer"] = {AS: first}
    return {"usual headers": usual, "requests": rows}


def _usual(headers: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Find the headers that most answers have."""
    often = Counter(item for each in headers for item in each.items())
    return {name: value for (name, value), times in often.items() if 2 * times > len(headers)}


@cache
def world() -> Documents:
    """Load the documents that are there at first."""
    found: Documents = load(ANSWERS / "world.json")
    return found


def _exchange(function: str, ask: Ask) -> Json:
    with in_memory(_documents(ask.documents), chat=ask.chat, archive=ask.archive) as fanfare:
        for before in ask.first:
            _response(fanfare, function, before)
        fanfare.pass_time(ask.after_seconds)
        fanfare.accounts_answer(ask.accounts)
        for seen in (fanfare.logged, fanfare.enqueued, fanfare.told_in_chat):
            seen()
        response = _response(fanfare, function, ask)
        beside = {
            "log": fanfare.logged(),
            "tasks": fanfare.enqueued(),
            "telegram": fanfare.told_in_chat(),
        }
    answer = {"status": response.status_code, **_body(response), "headers": _headers(response)}
    told = {name: value for name, value in beside.items() if value}
    return {"endpoint": ask.endpoint, **_request(ask), "answer": answer, **told}


def _documents(changes: Mapping[str, Mapping[str, Json] | None]) -> Documents:
    documents = {path: dict(fields) for path, fields in world().items()}
    for path, fields in changes.items():
        if fields is None:
            del documents[path]
            continue
        changed = {**documents.get(path, {}), **fields}
        documents[path] = {name: value for name, value in changed.items() if value is not None}
    return documents


def _response(fanfare: Fanfare, function: str, ask: Ask) -> TestResponse:
    method, path = ask.where
    sent: dict[str, Any] = dict(ask.event or {})
    headers = {"X-Cloud-Trace-Context": TRACE, **sent.pop("headers", {}), **ask.headers}
    if shown := credential(ask.caller, function):
        headers["Authorization"] = f"Bearer {shown}"
    if ask.raw is not None:
        sent["data"] = ask.raw
        headers.setdefault("Content-Type", "application/json")
    elif ask.body is not None:
        sent["json"] = ask.body
    with fanfare.answers_kept():
        return call(function, method, path, headers=headers, **sent)


def _request(ask: Ask) -> dict[str, Json]:
    _, path = ask.where
    said: dict[str, Json] = {"path": path, "caller": ask.caller}
    if ask.headers:
        said["headers"] = dict(ask.headers)
    if ask.documents:
        said["given"] = dict(ask.documents)
    if ask.first:
        said["after"] = [_before(each) for each in ask.first]
    if ask.after_seconds:
        said["seconds later"] = ask.after_seconds
    if not ask.accounts:
        said["accounts"] = "cannot be looked up"
    if ask.raw is not None:
        text = ask.raw.decode("latin-1")
        said["raw"] = text if len(text) < 200 else f"{text[:20]}… {len(text)} bytes"
    elif ask.body is not None:
        said["body"] = ask.body
    return said


def _before(ask: Ask) -> str:
    return f"{ask.caller}: {' '.join(ask.where)}"


def _headers(response: TestResponse) -> dict[str, str]:
    return {name: value for name, value in response.headers if name not in INCIDENTAL}


def _body(response: TestResponse) -> dict[str, Json]:
    """Show a body as JSON where that gives the same bytes again, else as text."""
    text = _UNIQUE.sub(
        r'"\1":"\2<43 characters>"', _NEW_KEY.sub(r'"id":"<SHA-256>"\1', response.text)
    )
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {"text": text}
    same = json.dumps(value, ensure_ascii=False, separators=(",", ":")) == text
    return {"body": value} if same else {"text": text}
