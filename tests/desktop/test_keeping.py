"""A computer's secret is its user's alone, and outlives crashes, junk and a second listener."""

import json
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.desktop.__main__ import main as alone
from cli.desktop.here import app_version, locale_of, platform_of, time_zone_of
from cli.desktop.kept import MOST_SHOWN, DeviceFile, DeviceState, KeptError, folder
from cli.desktop.note import IN_ANSWER, IN_DOCUMENT, from_answer, from_document
from cli.desktop.reports import SENTENCES, for_people, for_programs
from cli.main import main
from functions.device.answers import PendingNotification
from shared.stores.device_codec import SLOT_FIELDS
from tests.desktop.conftest import GATEWAY, HOSTILE, Computer

# -- the file --------------------------------------------------------------------------------------


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secret_and_hwid_are_made_up_once_and_readable_by_their_user_only(tmp_path: Path) -> None:
    file = DeviceFile(tmp_path / "fanfare" / "devices", GATEWAY, "")
    kept = file.begun()
    assert kept.hwid.startswith("desktop-")
    assert 32 <= len(kept.secret) <= 128
    assert (mode(file.path), mode(file.path.parent)) == (0o600, 0o700)
    assert file.begun() == kept
    file.path.chmod(0o644)
    file.write(kept.after("n1"))
    assert mode(file.path) == 0o600
    assert DeviceFile(file.path.parent, "https://other.example", "").begun().secret != kept.secret


def test_what_a_killed_process_left_half_written_does_no_harm(tmp_path: Path) -> None:
    file = DeviceFile(tmp_path, GATEWAY, "h")
    kept = file.begun()
    file.path.with_suffix(".tmp").write_text("{")
    file.write(kept.after("n1"))
    assert file.read() == kept.after("n1")
    assert not file.path.with_suffix(".tmp").exists()


@pytest.mark.parametrize(
    "junk", ["", "{", "[]", "null", '{"hwid": "h"}', '{"hwid": "", "secret": ""}']
)
def test_a_file_that_cannot_be_read_is_told_and_not_replaced(tmp_path: Path, junk: str) -> None:
    file = DeviceFile(tmp_path, GATEWAY, "h")
    file.path.write_text(junk)
    with pytest.raises(KeptError, match="remove it to register as another device"):
        file.begun()
    assert file.path.read_text() == junk


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "devices").write_text("a file in the way")
    file = DeviceFile(tmp_path / "devices" / "here", GATEWAY, "h")
    with pytest.raises(KeptError, match="cannot be written"):
        file.write(DeviceState("h", "s"))
    with pytest.raises(KeptError, match="cannot be written"), file.hold():
        pass


def test_a_second_listener_is_told_that_there_is_one(tmp_path: Path) -> None:
    file = DeviceFile(tmp_path, GATEWAY, "h")
    with file.hold(), pytest.raises(KeptError, match="listening already"), file.hold():
        pass
    with file.hold():
        pass


def test_no_more_is_remembered_than_is_needed() -> None:
    kept = DeviceState("h", "s")
    for number in range(MOST_SHOWN + 5):
        kept = kept.after(f"n{number}")
    assert len(kept.shown) == MOST_SHOWN
    assert kept.shown[-1] == f"n{MOST_SHOWN + 4}"


@pytest.mark.parametrize(
    ("system", "environ", "place"),
    [
        ("linux", {}, "home/.config/fanfare/devices"),
        ("linux", {"XDG_CONFIG_HOME": "conf"}, "conf/fanfare/devices"),
        ("darwin", {}, "home/Library/Application Support/Fanfare/devices"),
        ("win32", {"APPDATA": "roaming"}, "roaming/Fanfare/devices"),
        ("win32", {}, "home/AppData/Roaming/Fanfare/devices"),
    ],
)
def test_it_lies_where_the_system_keeps_such_files(
    system: str, environ: Mapping[str, str], place: str
) -> None:
    assert folder(system, environ, Path("home")) == Path(place)


# -- what is read ----------------------------------------------------------------------------------


def test_the_names_that_are_read_are_those_of_the_api_and_of_the_document() -> None:
    answered = {field.alias for field in PendingNotification.model_fields.values()}
    assert set(IN_ANSWER) <= answered
    assert set(IN_DOCUMENT) <= set(SLOT_FIELDS)


@pytest.mark.parametrize(
    "junk",
    [None, [], "x", {}, {"id": "", "at": "x"}, {"id": 7, "at": 7}, {"id": "n1"}],
)
def test_what_is_no_notification_is_none(junk: object) -> None:
    assert from_answer(junk) is None


def test_both_forms_read_the_same(computer: Computer) -> None:
    computer.listens()
    computer.sent(
        "n1",
        title=HOSTILE,
        url="https://example.com/",
        url_button_name="Read",
        force_timer=3,
        image="https://example.com/a.png",
        seconds=60,
    )
    asked = computer.door.pending()
    stored = computer.world.database.get(f"devices/{computer.hwid}")
    assert stored is not None
    read = from_document({"fields": {k: value(v) for k, v in stored.fields.items()}})
    assert read is not None
    assert asked is not None
    assert read.expires_at is not None
    for name in ("id", "title", "body", "url", "button", "image", "force_seconds"):
        assert getattr(read, name) == getattr(asked, name), name
    assert "\x1b" not in read.title
    assert "⟨U+202E⟩" in read.title


def value(it: Any) -> dict[str, object]:
    """Write a value as Firestore's REST API does."""
    if isinstance(it, str):
        return {"stringValue": it}
    if isinstance(it, bool):
        return {"booleanValue": it}
    if isinstance(it, int):
        return {"integerValue": str(it)}
    if hasattr(it, "isoformat"):
        return {"timestampValue": it.isoformat()}
    return {"nullValue": None}


# -- the commands ----------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "state"


def result_of(*arguments: str, command: Any = alone) -> Result:
    return CliRunner().invoke(command, arguments)


def test_a_computer_names_its_server_and_what_it_listens_to(here: Path) -> None:
    assert "Missing option '--gateway'" in result_of("listen", "--domain", "a.example").output
    told = result_of("listen", "--gateway", GATEWAY, "--state", str(here))
    assert told.exit_code == 2
    assert "name what to be notified of" in told.output
    wrong = result_of(
        "listen", "--gateway", "nonsense", "--state", str(here), "--domain", "a.example"
    )
    assert wrong.exit_code == 1
    assert "this is no address to ask" in wrong.output


def test_who_never_registered_has_no_consent_to_give_and_nothing_to_leave(here: Path) -> None:
    for command in (["consent", "no"], ["leave"]):
        told = result_of(*command, "--gateway", GATEWAY, "--state", str(here))
        assert (told.exit_code, told.output) == (
            1,
            "Error: this computer is not registered there\n",
        )


def test_a_document_needs_a_key_to_sign_in_with(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    told = result_of(
        *("listen", "--gateway", GATEWAY, "--state", str(here)),
        *("--domain", "a.example", "--document", "p"),
    )
    assert "--document needs --api-key" in told.output


def test_a_device_that_names_its_server_needs_neither_stack_nor_project(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    given = ("--gateway", GATEWAY, "--state", str(here))
    assert "not registered there" in result_of("device", "leave", *given, command=main).output
    monkeypatch.setenv("FANFARE_FUNCTIONS_URL", GATEWAY)
    told = result_of("device", "leave", "--state", str(here), command=main)
    assert "not registered there" in told.output


@pytest.mark.parametrize("event", sorted(SENTENCES))
def test_every_event_is_a_sentence_for_people_and_a_line_of_ascii_for_programs(event: str) -> None:
    lines: list[str] = []
    values: dict[str, Any] = dict.fromkeys(re.findall(r"{(\w+)", SENTENCES[event]), HOSTILE)
    values |= {"seconds": 3.5} if "seconds" in values else {}
    for_people(lines.append)(event, **values)
    for_programs(lines.append)(event, **values)
    assert all(it.isprintable() for it in lines)
    assert lines[1].isascii()
    assert json.loads(lines[1]) == {"event": event, **values}


# -- this computer ---------------------------------------------------------------------------------


def test_a_platform_is_one_that_the_api_knows() -> None:
    systems = ("linux", "freebsd14", "win32", "darwin")
    assert [platform_of(it) for it in systems] == ["linux", "linux", "windows", "macos"]


@pytest.mark.parametrize(
    ("environ", "locale"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru_RU.UTF-8"),
        ({"LC_ALL": "de_AT", "LANG": "en_GB"}, "de_AT"),
        ({"LC_ALL": "", "LC_MESSAGES": "C.UTF-8"}, ""),
    ],
)
def test_a_locale_is_said_as_the_system_says_it(environ: Mapping[str, str], locale: str) -> None:
    assert locale_of(environ) == locale


def test_a_time_zone_is_that_of_the_system_or_none(tmp_path: Path) -> None:
    assert time_zone_of({"TZ": ":Europe/Minsk"}, tmp_path) == "Europe/Minsk"
    assert time_zone_of({}, tmp_path) == ""
    with etc(tmp_path, "/usr/share/zoneinfo/America/Argentina/Ushuaia"):
        assert time_zone_of({}, tmp_path) == "America/Argentina/Ushuaia"
    with etc(tmp_path, "/somewhere/else"):
        assert time_zone_of({}, tmp_path) == ""


@contextmanager
def etc(root: Path, target: str) -> Iterator[None]:
    (root / "etc").mkdir(exist_ok=True)
    link = root / "etc" / "localtime"
    link.symlink_to(target)
    yield
    link.unlink()


def test_the_version_is_that_of_what_is_installed() -> None:
    assert app_version()


def test_the_file_holds_what_it_says(tmp_path: Path) -> None:
    file = DeviceFile(tmp_path, GATEWAY, "h")
    kept = file.begun()
    assert json.loads(file.path.read_text()) == {
        "hwid": "h",
        "secret": kept.secret,
        "domains": [],
        "known": False,
        "shown": [],
    }
