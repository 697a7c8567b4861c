"""A real D-Bus carries every text to a notification server as it is, and a press back.

Needs dbus-daemon and gdbus (Debian: dbus, libglib2.0-bin), and is skipped where they are missing.
"""

import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cli.desktop.programs import ProgramFailed, RealPrograms
from cli.desktop.screens.dbus import NAME, PATH, DBusScreen
from tests.desktop.test_screens import LINK, a_note, no_picture

jeepney: Any = import_module("jeepney")
blocking: Any = import_module("jeepney.io.blocking")

pytestmark = pytest.mark.skipif(
    not (shutil.which("dbus-daemon") and shutil.which("gdbus")),
    reason="needs dbus-daemon and gdbus (Debian: apt-get install dbus libglib2.0-bin)",
)

PATIENCE_SECONDS = 120
CONFIGURATION = """<busconfig><type>session</type><listen>unix:dir={folder}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"""
DESCRIBED = f"""<node><interface name="{NAME}">
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/>
<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="as" direction="in"/><arg type="a{{sv}}" direction="in"/><arg type="i" direction="in"/>
<arg type="u" direction="out"/></method>
<method name="CloseNotification"><arg type="u" direction="in"/></method>
<method name="GetCapabilities"><arg type="as" direction="out"/></method>
</interface></node>"""


@dataclass
class Server:
    """A notification server: it shows nothing and remembers everything."""

    address: str
    capabilities: tuple[str, ...] = ("actions", "body", "body-markup")
    description: str = DESCRIBED
    calls: "queue.Queue[tuple[str, Any]]" = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self._connection = blocking.open_dbus_connection(bus=self.address)
        self._connection.send_and_get_reply(jeepney.message_bus.RequestName(NAME))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def press(self, id: int, action: str = "open") -> None:
        """Tell everybody that a person pressed."""
        emitter = jeepney.DBusAddress(PATH, interface=NAME)
        signal = jeepney.new_signal(emitter, "ActionInvoked", "us", (id, action))
        self._connection.send(signal)

    def close(self) -> None:
        self._connection.sock.shutdown(2)
        self._thread.join()
        self._connection.close()

    def next(self) -> tuple[str, Any]:
        return self.calls.get(timeout=PATIENCE_SECONDS)

    def _serve(self) -> None:
        while True:
            try:
                message = self._connection.receive()
            except (OSError, EOFError):
                return
            fields = message.header.fields
            if message.header.message_type is not jeepney.MessageType.method_call:
                continue
            member = fields[jeepney.HeaderFields.member]
            if member != "Introspect":
                self.calls.put((member, message.body))
            answers: dict[str, tuple[str | None, tuple[Any, ...]]] = {
                "Introspect": ("s", (self.description,)),
                "Notify": ("u", (7,)),
                "GetCapabilities": ("as", (list(self.capabilities),)),
            }
            signature, body = answers.get(member, (None, ()))
            self._connection.send(jeepney.new_method_return(message, signature, body))


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    configuration = tmp_path / "bus.conf"
    configuration.write_text(CONFIGURATION.format(folder=tmp_path))
    argv = ["dbus-daemon", "--nofork", f"--config-file={configuration}", "--print-address"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout
        address = daemon.stdout.readline().strip()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address
        daemon.terminate()


@pytest.fixture(params=[DESCRIBED, "<node/>"], ids=["described", "undescribed"])
def server(bus: str, request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start a server that says which types it takes, as most do, and one that does not."""
    with closing(Server(bus, description=request.param)) as it:
        yield it


def test_hostile_texts_arrive_as_they_are_and_a_press_opens_the_link(server: Server) -> None:
    opened: queue.Queue[str] = queue.Queue()
    picture = "file:///tmp/a%20'b'.png"
    screen = DBusScreen(RealPrograms(), opened.put, lambda _: picture)
    note = a_note(title=f"{a_note().title} 🌌", body="a <b>bold</b>\n'offer' \\ \"x\" $(id)")
    screen.show(note)
    assert server.next() == ("GetCapabilities", ())
    name, body = server.next()
    assert name == "Notify"
    assert body[0] == "Fanfare"
    assert body[3] == note.title
    assert body[4] == "a &lt;b&gt;bold&lt;/b&gt;\n'offer' \\ \"x\" $(id)"
    assert body[5] == ["default", note.button, "open", note.button]
    assert body[6] == {"urgency": ("y", 1), "image-path": ("s", picture)}
    assert (body[1], body[7]) == (0, -1)
    assert pressed(server, opened) == LINK
    screen.withdraw()
    assert server.next() == ("CloseNotification", (7,))
    screen.close()


def pressed(server: Server, opened: "queue.Queue[str]") -> str:
    """Press until it is heard: the monitor starts when it likes."""
    for _ in range(PATIENCE_SECONDS * 5):
        server.press(7)
        try:
            return opened.get(timeout=0.2)
        except queue.Empty:
            continue
    raise AssertionError("no press was heard")


def test_a_server_without_markup_and_actions_gets_neither(bus: str) -> None:
    with closing(Server(bus, capabilities=("body",))) as server:
        DBusScreen(RealPrograms(), lambda _: None, no_picture).show(
            a_note(body="<b>x</b> & y", forceTimer=3)
        )
        assert server.next()[0] == "GetCapabilities"
        _, body = server.next()
        assert body[4] == "<b>x</b> & y"
        assert body[6:] == ({"urgency": ("y", 2)}, 0)


def test_a_session_without_a_notification_server_is_told(bus: str) -> None:
    with pytest.raises(ProgramFailed, match="gdbus"):
        DBusScreen(RealPrograms(), lambda _: None, no_picture)
