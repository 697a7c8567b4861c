"""A computer at the devices' real door, in memory; time passes only when it is waited for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import functions_framework
import httpx
import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from cli.desktop.door import DeviceDoor
from cli.desktop.kept import DeviceFile
from cli.desktop.listener import DoorSlot, Listener, Nature, Screens
from cli.desktop.note import Note
from cli.desktop.programs import ProgramFailed
from shared.domain.content.shown import Shown
from shared.domain.push import desktop
from shared.domain.push.rendering import Options
from shared.wiring import replaced
from tests.builders import a_domain, a_provider
from tests.doors.conftest import SOURCE
from tests.parts import MemoryParts, memory_parts, merge_device

GATEWAY = "http://gateway.test"
ABOUT = {"platform": "linux", "domains": ["example.com"], "locale": "en_GB.UTF-8"}
HOSTILE = 'A"b\'c`d`\\ $(reboot) ${HOME} %s\n; rm -rf ~ &\u202e\x1b[2J <b>x</b>\x00 @s {} "; --'


class Wire(httpx.BaseTransport):
    """The way to the devices' door, on which the next requests may meet a fault."""

    def __init__(self) -> None:
        app: Any = functions_framework.create_app("device_api", str(SOURCE))  # type: ignore[no-untyped-call]
        away = DispatcherMiddleware(app, {"/device-api": app})
        self._door = httpx.WSGITransport(app=away)
        self.faults: list[httpx.Response | Exception] = []
        self.requests: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        if not self.faults:
            return self._door.handle_request(request)
        fault = self.faults.pop(0)
        if isinstance(fault, Exception):
            raise fault
        return fault


class Life:
    """Time, and what happens in it: one thing at every wait, and Ctrl-C when all has happened."""

    def __init__(self, world: MemoryParts) -> None:
        self._world = world
        self.waits: list[float] = []
        self.happens: list[Callable[[], object]] = []
        self.now = 0.0
        self.nature = Nature(self.wait, lambda: self.now, lambda low, high: (low + high) / 2)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        self._world.clock.set(self._world.clock.now() + timedelta(seconds=seconds))
        if not self.happens:
            raise KeyboardInterrupt
        self.happens.pop(0)()


class FakeScreen:
    """A screen that remembers what was shown on it."""

    def __init__(self, name: str) -> None:
        self.name, self.breaks = name, False
        self.notes: list[Note] = []
        self.withdrawn = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def show(self, note: Note) -> None:
        if self.breaks:
            raise ProgramFailed("there is no desktop")
        self.notes.append(note)
        self.meanwhile()

    def withdraw(self) -> None:
        self.withdrawn += 1

    def close(self) -> None:
        return


class FakePrograms:
    """Programs that remember how they were run, and answer what they are told to."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.runs: list[tuple[Sequence[str], Mapping[str, str]]] = []
        self.heed: Callable[[str], None] = lambda _: None

    def run(self, argv: Sequence[str], environ: Mapping[str, str] | None = None) -> str:
        self.runs.append((list(argv), dict(environ or {})))
        return self.answers.pop(0) if self.answers else ""

    def start(self, argv: Sequence[str]) -> None:
        self.runs.append((list(argv), {}))

    @contextmanager
    def following(self, argv: Sequence[str], heed: Callable[[str], None]) -> Iterator[None]:
        self.heed = heed
        yield


@dataclass
class Computer:
    """One computer: what it keeps, shows and tells."""

    world: MemoryParts
    folder: Path
    wire: Wire
    life: Life
    hwid: str = "desk-7"
    own: FakeScreen = field(default_factory=lambda: FakeScreen("the desktop"))
    terminal: FakeScreen = field(default_factory=lambda: FakeScreen("the terminal"))
    entries: list[dict[str, object]] = field(default_factory=list)

    @property
    def file(self) -> DeviceFile:
        return DeviceFile(self.folder, GATEWAY, self.hwid)

    @property
    def door(self) -> DeviceDoor:
        kept = self.file.begun()
        client = httpx.Client(transport=self.wire)
        return DeviceDoor(client, GATEWAY, kept.hwid, kept.secret)

    def listens(self, *happens: Callable[[], object], once: bool = False) -> None:
        """Listen until all of this has happened, one thing at every wait."""
        self.life.happens = list(happens)
        screens, door = Screens(self.own, self.terminal), self.door
        listener = Listener(door, DoorSlot(door), self.file, screens, self._tell, self.life.nature)
        try:
            listener.listen(self.file.begun(), ABOUT, every=60, once=once)
        except KeyboardInterrupt:
            assert not self.life.happens

    def sent(self, id: str, *, seconds: float | None = None, **fields: Any) -> None:
        """Put a notification into the slot, as the sender renders it."""
        now = self.world.clock.now()
        ends = None if seconds is None else now + timedelta(seconds=seconds)
        content = Shown(**({"title": "Sale", "body": "All of it"} | fields))
        payload = desktop.payload(content, Options(id, now, now, ends))
        empty = dict.fromkeys(self._slot_fields())
        merge_device(self.world.database, self.hwid, {**empty, **payload.fields})

    def events(self, *names: str) -> list[dict[str, object]]:
        return [it for it in self.entries if it["event"] in names]

    def _slot_fields(self) -> list[str]:
        stored = self.world.database.get(f"devices/{self.hwid}")
        fields = stored.fields if stored else {}
        return [name for name in fields if name.startswith("pendingNotification")]

    def _tell(self, event: str, **values: object) -> None:
        self.entries.append({"event": event, **values})


@pytest.fixture
def world() -> Iterator[MemoryParts]:
    parts = memory_parts(a_provider(), a_domain())
    with replaced(parts):
        yield parts


@pytest.fixture
def computer(world: MemoryParts, tmp_path: Path) -> Computer:
    return Computer(world, tmp_path / "devices", Wire(), Life(world))
