"""What requests, events and tasks make of the documents in Firestore, step by step.

Each story begins with some documents of ``answers/world.json``. Of every step is recorded who was
told what, the status of the answer, and which fields of which documents are different afterwards.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.recorded.asking import world
from tests.recorded.entrances.doors import call, credential, event
from tests.recorded.entrances.running import Database, Fanfare, on_firestore
from tests.recorded.pages import HERE, Documents, Fields, Json

MOVES = HERE / "moves"
MOST_TASKS = 20

NOT_LONG = timedelta(days=2)

_MOMENT = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|\+00:00)")
_NAMED_BY_CHANCE = re.compile(r"^(domainHistory/)[0-9a-f]{32}$|^(apiKeys/)[0-9a-f]{64}$")
_BY_CHANCE = {("devices", "generation"), ("deviceSecrets", "generation"), ("platform", "by")}
"""Fields, by collection; ``by`` of the reminder names whoever reminded."""
_ONE_OF_MANY = re.compile(r"[0-9a-f]{32}|[A-Za-z0-9_-]{16}")


@dataclass(frozen=True, slots=True)
class Step:
    """Event of a move: a request, or with ``tasks`` everything that was enqueued."""

    does: str
    function: str = ""
    method: str = "POST"
    path: str = "/"
    caller: str = "owner"
    body: Json = None
    written: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    tasks: bool = False
    seconds: float = 0
    push: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    """Steps on documents of the world whose paths begin with one of ``documents``, and on
    ``more``.
    """

    name: str
    documents: Sequence[str]
    steps: Sequence[Step]
    more: Documents = field(default_factory=dict)
    chat: bool = False


def file_of(story: Story) -> Path:
    """Say where a story is recorded."""
    return MOVES / f"{story.name}.json"


def record(story: Story, address: str, project: str) -> Json:
    """Tell a story as it goes now, on an empty project of the emulator."""
    database = Database(address, project)
    documents: dict[str, Fields] = {
        p: f for p, f in world().items() if p.startswith(tuple(story.documents))
    }
    documents |= story.more
    database.put(documents)
    steps: list[Json] = []
    with on_firestore(address, project, chat=story.chat) as fanfare:
        before = database.all()
        for step in story.steps:
            for answer in _happens(fanfare, step):
                after = database.all()
                steps.append({**answer, "documents": dict(_different(before, after))})
                before = after
        archive = fanfare.archived()
    database.close()
    return {"given": sorted(documents), "steps": steps, **({"archive": archive} if archive else {})}


def _happens(fanfare: Fanfare, step: Step) -> Iterator[dict[str, Json]]:
    fanfare.pass_time(step.seconds)
    for address, answers in step.push.items():
        fanfare.push_answers(address, *answers)
    with fanfare.answers_kept():
        if not step.tasks:
            status = _status_of(step)
            yield {"step": step.does, "by": f"{step.caller}: {_name(step)}", "status": status}
            return
        for _ in range(MOST_TASKS):
            tasks = fanfare.enqueued()
            if not tasks:
                return
            for task in tasks:
                fanfare.pass_until(task.get("notBefore", ""))
                done = Step(step.does, task["function"], caller="Google", body=task["payload"])
                yield {"step": step.does, "task": task, "status": _status_of(done)}
    raise AssertionError(f"{step.does}: the tasks do not come to an end")


def _status_of(step: Step) -> int:
    sent: dict[str, Json] = event(step.written, {}) if step.written else {}
    headers = {**sent.pop("headers", {}), **step.headers}
    if shown := credential(step.caller, step.function):
        headers["Authorization"] = f"Bearer {shown}"
    if step.body is not None:
        sent["json"] = step.body
    return call(step.function, step.method, step.path, headers=headers, **sent).status_code


def _name(step: Step) -> str:
    return f"{step.function} {step.method} {step.path}" + (
        f" {step.written}" if step.written else ""
    )


def _different(before: Documents, after: Documents) -> Iterator[tuple[str, Json]]:
    for path in sorted({*before, *after}):
        was, is_now = before.get(path), after.get(path)
        if was == is_now:
            continue
        name = _NAMED_BY_CHANCE.sub(r"\1\2<chance>", path)
        if was is None or is_now is None:
            yield name, "gone" if is_now is None else {"new": _plain(path, is_now)}
            continue
        names = {n for n in {*was, *is_now} if was.get(n) != is_now.get(n)}
        yield (
            name,
            {
                "was": _plain(path, {n: it for n, it in was.items() if n in names}),
                "is": _plain(path, {n: it for n, it in is_now.items() if n in names}),
            },
        )


def _plain(path: str, fields: Fields) -> dict[str, Json]:
    """Sort fields, and mask moments of the store and what is left to chance."""
    collection = path.partition("/")[0]
    return {
        name: {"stringValue": "<chance>"}
        if (collection, name) in _BY_CHANCE
        and _ONE_OF_MANY.fullmatch(fields[name].get("stringValue", ""))
        else _timeless(fields[name])
        for name in sorted(fields)
    }


def _timeless(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _timeless(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_timeless(each) for each in value]
    return _MOMENT.sub(_moment, value) if isinstance(value, str) else value


def _moment(match: re.Match[str]) -> str:
    """Mask moments of these days: our clock stands in the past, so they are the store's own."""
    at = datetime.fromisoformat(match[0])
    return "<a moment of the store>" if abs(datetime.now(UTC) - at) < NOT_LONG else match[0]
