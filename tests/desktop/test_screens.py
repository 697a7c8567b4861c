"""What strangers wrote reaches a program as data: never as an option, a script or an order."""

import base64
import json
import os
import queue
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.desktop.note import Note, from_answer
from cli.desktop.programs import ProgramFailed, RealPrograms
from cli.desktop.screens import macos, windows
from cli.desktop.screens.choice import own_screen
from cli.desktop.screens.dbus import DBusScreen, text
from cli.desktop.screens.macos import MacScreen
from cli.desktop.screens.terminal import TerminalScreen
from cli.desktop.screens.windows import WindowsScreen
from tests.desktop.conftest import HOSTILE, FakePrograms

PRESSED = "/org/freedesktop/Notifications: org.freedesktop.Notifications.ActionInvoked"
PATIENCE_SECONDS = 120
LINK = "https://example.com/?a=1&b=$(id)'\""


def a_note(**fields: object) -> Note:
    """Build what a server answered, with hostile texts wherever nothing else is said."""
    answer = {
        "id": "n1",
        "at": "2026-03-01T18:02:10.000000Z",
        "title": HOSTILE,
        "body": HOSTILE,
        "url": LINK,
        "urlButtonName": HOSTILE,
        "forceTimer": None,
        "image": None,
    }
    note = from_answer({**answer, **fields})
    assert note is not None
    return note


def no_picture(_: Note) -> str:
    """Return what stands for a picture that cannot be had."""
    return ""


# -- D-Bus -----------------------------------------------------------------------------------------


def a_dbus(*answers: str) -> tuple[DBusScreen, FakePrograms, list[str]]:
    programs, links = FakePrograms("(['body'],)", *answers), list[str]()
    return DBusScreen(programs, links.append, no_picture), programs, links


def test_dbus_is_asked_without_a_shell_and_every_text_is_one_argument_in_ascii() -> None:
    screen, programs, _ = a_dbus("(uint32 7,)\n")
    screen.show(a_note())
    argv, _ = programs.runs[-1]
    assert argv[:2] == ["gdbus", "call"]
    assert argv[8] == "org.freedesktop.Notifications.Notify"
    arguments = argv[argv.index("--") + 1 :]
    assert len(arguments) == 8
    assert all(it.isascii() and it.isprintable() for it in arguments)
    assert unquoted(arguments[3]) == a_note().title
    assert unquoted(arguments[4]) == a_note().body


def unquoted(literal: str) -> str:
    """Read a GVariant text back, by a rule that is not ours: JSON's, which has the same escapes."""
    assert literal[0] == literal[-1] == '"'
    inner = literal[1:-1]
    pairs = "".join(
        json.dumps(chr(int(part[:8], 16)))[1:-1] + part[8:] if number else part
        for number, part in enumerate(inner.replace("\\\\", "\\u005c").split("\\U"))
    )
    return str(json.loads(f'"{pairs}"'))


@given(texts=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_one_gvariant(texts: str) -> None:
    literal = text(texts)
    assert literal.isascii()
    assert unquoted(literal) == texts


def test_the_newer_takes_the_place_of_the_older_and_is_closed_when_it_ends() -> None:
    screen, programs, _ = a_dbus("(uint32 7,)\n", "(uint32 7,)\n", "()\n")
    for _ in range(2):
        screen.show(a_note())
    assert [argv[argv.index("--") + 2] for argv, _ in programs.runs[1:]] == ["uint32 0", "uint32 7"]
    screen.withdraw()
    assert programs.runs[-1][0][-1] == "uint32 7"
    screen.withdraw()
    assert len(programs.runs) == 4


def test_a_forced_time_makes_it_critical_and_lasting() -> None:
    screen, programs, _ = a_dbus("(uint32 7,)", "(uint32 8,)")
    screen.show(a_note(forceTimer=5))
    assert programs.runs[-1][0][-2:] == ["{'urgency': <byte 2>}", "int32 0"]
    screen.show(a_note())
    assert programs.runs[-1][0][-2:] == ["{'urgency': <byte 1>}", "int32 -1"]


def test_markup_is_escaped_where_the_server_would_obey_it() -> None:
    programs = FakePrograms("(['body', 'body-markup'],)", "(uint32 7,)")
    DBusScreen(programs, lambda _: None, no_picture).show(a_note(body="<b>x</b> & y", url=None))
    arguments = programs.runs[-1][0]
    assert '"&lt;b&gt;x&lt;/b&gt; &amp; y"' in arguments
    assert "@as []" in arguments


def test_a_press_opens_the_link_of_what_is_shown_and_nothing_else() -> None:
    programs, links = FakePrograms("(['actions'],)", "(uint32 7,)"), list[str]()
    screen = DBusScreen(programs, links.append, no_picture)
    screen.show(a_note())
    programs.heed(f"{PRESSED} (uint32 6, 'open')\n")
    programs.heed(f"{PRESSED} (uint32 7, 'other')\n")
    programs.heed(f"{PRESSED}X (uint32 7, 'open')\n")
    assert links == []
    programs.heed(f"{PRESSED} (uint32 7, 'open')\n")
    assert links == [LINK]


def test_a_picture_is_shown_out_of_a_file() -> None:
    programs = FakePrograms("(['body'],)", "(uint32 7,)")
    picture = "file:///home/o'hara/%22/picture.png"
    DBusScreen(programs, lambda _: None, lambda _: picture).show(a_note())
    hints = f"{{'urgency': <byte 1>, 'image-path': <\"{picture}\">}}"
    assert programs.runs[-1][0][-2] == hints
    WindowsScreen(programs, lambda _: picture).show(a_note())
    note = json.loads(base64.b64decode(programs.runs[-1][1][windows.VARIABLE]))
    assert note["picture"] == picture


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "-x", "https:", None])
def test_what_is_no_web_page_is_never_opened(url: str | None) -> None:
    programs, links = FakePrograms("(['actions'],)", "(uint32 7,)"), list[str]()
    DBusScreen(programs, links.append, no_picture).show(a_note(url=url))
    assert "@as []" in programs.runs[-1][0]
    programs.heed(f"{PRESSED} (uint32 7, 'open')\n")
    assert links == []


def test_an_answer_that_is_no_number_is_a_failure() -> None:
    screen, _, _ = a_dbus("()")
    with pytest.raises(ProgramFailed):
        screen.show(a_note())


# -- macOS -----------------------------------------------------------------------------------------


def test_a_macs_script_is_always_the_same_and_texts_are_its_arguments() -> None:
    programs = FakePrograms()
    MacScreen(programs, lambda _: None).show(a_note())
    note = a_note()
    assert programs.runs == [
        (
            [
                "osascript",
                "-e",
                macos.NOTICE,
                "notification",
                note.title,
                f"{note.body}\n{LINK}",
            ],
            {},
        )
    ]


@pytest.mark.parametrize(("answer", "links"), [("pressed\n", [LINK]), ("closed\n", [])])
def test_a_macs_dialog_stays_for_the_forced_time_and_its_button_opens_the_link(
    answer: str, links: list[str]
) -> None:
    programs, found = FakePrograms(answer), list[str]()
    note = a_note(forceTimer=5)
    MacScreen(programs, found.append).show(note)
    argv, _ = programs.runs[0]
    assert argv[:4] == ["osascript", "-e", macos.DIALOG, "notification"]
    assert argv[4:] == [note.title, note.body, "5", note.button]
    assert found == links


def test_a_macs_dialog_without_a_link_has_no_second_button_and_none_is_called_close_twice() -> None:
    programs = FakePrograms()
    screen = MacScreen(programs, lambda _: None)
    screen.show(a_note(forceTimer=5, url=None))
    screen.show(a_note(forceTimer=5, urlButtonName="Close"))
    assert [argv[-1] for argv, _ in programs.runs] == ["", "Close …"]


# -- Windows ---------------------------------------------------------------------------------------


def test_the_script_of_windows_is_always_the_same_and_the_notification_is_data() -> None:
    programs = FakePrograms()
    screen = WindowsScreen(programs, no_picture)
    screen.show(a_note())
    screen.show(replace(a_note(), title="x", expires_at=datetime(2026, 3, 1, tzinfo=UTC)))
    screen.withdraw()
    first, second, third = (argv for argv, _ in programs.runs)
    assert first == second
    assert first[:4] == ["powershell.exe", "-NoProfile", "-NonInteractive", "-EncodedCommand"]
    assert base64.b64decode(first[4]).decode("utf-16-le") == windows.SHOW
    assert base64.b64decode(third[4]).decode("utf-16-le") == windows.WITHDRAW
    note = a_note()
    given = [json.loads(base64.b64decode(it[windows.VARIABLE])) for _, it in programs.runs]
    assert given[0] == {
        "title": note.title,
        "body": note.body,
        "link": LINK,
        "button": note.button,
        "picture": "",
        "seconds": 0,
        "expiresAt": "",
    }
    assert given[1]["expiresAt"] == "2026-03-01T00:00:00+00:00"
    assert all(it[windows.VARIABLE].isascii() for _, it in programs.runs)


def test_the_script_of_windows_reads_what_it_is_given() -> None:
    given = json.loads(base64.b64decode(_arguments(a_note())))
    assert set(re.findall(r"\$note\.(\w+)", windows.SHOW)) == set(given)


def _arguments(note: Note) -> str:
    programs = FakePrograms()
    WindowsScreen(programs, no_picture).show(note)
    return programs.runs[0][1][windows.VARIABLE]


# -- the terminal, and the choice ------------------------------------------------------------------


def test_the_terminal_shows_lines_behind_a_bar_and_obeys_none() -> None:
    lines: list[str] = []
    TerminalScreen(lines.append).show(a_note(image="https://example.com/a.png"))
    assert all(line.startswith("│") and line.isprintable() for line in lines)
    assert lines[-2].endswith(f": {LINK}")
    assert lines[-1] == "│ Image: https://example.com/a.png"
    assert "⟨U+001B⟩[2J" in lines[0]


def test_each_system_has_its_own_means() -> None:
    names = {
        system: own_screen(system, FakePrograms("([],)"), lambda _: None, no_picture).name
        for system in ("linux", "freebsd14", "win32", "darwin")
    }
    assert names == {"linux": "D-Bus", "freebsd14": "D-Bus", "win32": "Windows", "darwin": "macOS"}


def test_a_link_is_opened_as_an_argument_and_told() -> None:
    programs, found = FakePrograms("pressed"), list[str]()
    own_screen("darwin", programs, found.append, no_picture).show(a_note(forceTimer=1))
    assert programs.runs[-1][0] == ["open", LINK]
    assert found == [LINK]


# -- real programs ---------------------------------------------------------------------------------


def test_a_program_gets_its_arguments_and_variables_as_they_are(tmp_path: Path) -> None:
    said = "import os, sys; print(ascii((sys.argv[1:], os.environ['NOTE'])))"
    title = a_note().title
    told = RealPrograms().run([sys.executable, "-c", said, title], {"NOTE": "$(id)"})
    assert told.strip() == ascii(([title], "$(id)"))


@pytest.mark.parametrize(
    "argv", [["no-such-program"], [sys.executable, "-c", "raise SystemExit('no desktop')"]]
)
def test_a_program_that_fails_is_told_with_its_name(argv: list[str]) -> None:
    with pytest.raises(ProgramFailed, match=argv[0]):
        RealPrograms().run(argv)


def test_a_program_that_goes_on_is_ended_with_the_block() -> None:
    forever = "import itertools; [print(it, flush=True) for it in itertools.count()]"
    lines: queue.Queue[str] = queue.Queue()
    with RealPrograms().following([sys.executable, "-c", forever], lines.put):
        assert lines.get(timeout=PATIENCE_SECONDS) == "0\n"
    with pytest.raises(ProgramFailed), RealPrograms().following(["no-such-program"], lines.put):
        pass


def test_a_program_that_is_left_alone_gets_its_arguments(tmp_path: Path) -> None:
    pipe, title = tmp_path / "pipe", a_note().title
    os.mkfifo(pipe)
    said = "import sys; open(sys.argv[1], 'w').write(ascii(sys.argv[2:]))"
    RealPrograms().start([sys.executable, "-c", said, str(pipe), title])
    assert pipe.read_text() == ascii([title])
    with pytest.raises(ProgramFailed):
        RealPrograms().start(["no-such-program"])


def test_the_client_alone_loads_none_of_the_servers_packages() -> None:
    code = "import sys, cli.desktop.__main__; print(*sorted(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(told.stdout.split())
    assert {it for it in loaded if it.startswith("shared.domain.")} == {
        "shared.domain.chat",
        "shared.domain.chat.text",
    }
    assert loaded.isdisjoint({"pydantic", "flask", "firebase_admin", "orjson", "requests", "grpc"})
