"""The stack starts whole, says where everything is, and leaves nothing behind, however it ends."""

import os
import signal
import socket
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials

from local.firestore import BadRules
from local.gateway import arguments as gateway_arguments
from local.java import EmulatorMissing
from local.processes import ChildFailed, free_ports, listens, listens_at
from local.stack import arguments, down, status
from local.stack_file import ROOT, Account, Stack, StackError, holder
from local.starting import EMULATORS, QUEUES, SERVICES, answers, running_stack
from tests.conftest import eventually

MAIN = """\
from tiny_doors import on_device_written, say_hello

DOORS = {"say_hello": "tiny_doors", "on_device_written": "tiny_doors"}
"""

DOORS = """\
import os

SEEN = []

def say_hello(request):
    return {"seen": SEEN, "environment": dict(os.environ)}

def on_device_written(event):
    SEEN.append(event["document"])
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    main = tmp_path / "functions" / "main.py"
    main.parent.mkdir()
    main.write_text(MAIN)
    (main.parent / "tiny_doors.py").write_text(DOORS)
    return main


@pytest.fixture(autouse=True)
def nothing_runs_already(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (
        "FIRESTORE_EMULATOR_HOST",
        "GOOGLE_OAUTH_TOKEN_URL",
        *(each.variable for each in EMULATORS),
    ):
        monkeypatch.delenv(variable, raising=False)


def test_the_queues_leave_threads_to_people() -> None:
    at_once = sum(int(limits.split(":")[1]) for limits in QUEUES.values())
    assert at_once < gateway_arguments().get_default("threads")


def test_a_base_url_may_name_a_port_or_not() -> None:
    assert not listens_at(f"http://127.0.0.1:{free_ports(1)[0]}/base")
    assert not listens_at("http://localhost.invalid")


@pytest.mark.parametrize(
    "option", [("--gateway-port", "70000"), ("--fcm-port", "http"), ("--devices", "-5")]
)
def test_a_number_that_cannot_be_is_refused_before_anything_starts(
    option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments().parse_args(["up", *option])
    assert ended.value.code == 2
    assert f"argument {option[0]}: '{option[1]}' is no whole number from 1 to " in (
        capsys.readouterr().err
    )


def test_a_variable_that_is_no_number_is_refused_like_an_argument(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TICK_SECONDS", "soon")
    with pytest.raises(SystemExit) as ended:
        arguments().parse_args(["up"])
    assert ended.value.code == 2
    assert "argument --tick-seconds: invalid float value: 'soon'" in capsys.readouterr().err
    assert arguments().parse_args(["down"]).action == "down"


def test_a_place_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = not_up("--stack-file", str(tmp_path / "file" / "stack.json"))
    assert f"{tmp_path / 'file'} cannot be written (" in told
    assert "--stack-file" in told
    (tmp_path / "mine").write_text("a file, where a stack would keep its logs")
    told = not_up("--stack-file", str(tmp_path / "mine.json"))
    assert told.startswith("The stack cannot go on: ")
    assert str(tmp_path / "mine") in told


def test_a_setting_that_is_wrong_is_told_before_anything_starts(tmp_path: Path) -> None:
    file = ("--stack-file", str(tmp_path / "stack.json"))
    told = not_up(*file, FANFARE_LEASE_SECOND="5", FCM_BASE_URL="nine")
    assert "FCM_BASE_URL: must begin with http:// or https://" in told
    assert "perhaps FANFARE_LEASE_SECONDS is meant" in told
    assert len(told.splitlines()) == 1
    told = not_up(*file, "--project", "somebodys-project")
    assert "must not be set for the project somebodys-project" in told
    assert not list((tmp_path / "logs").glob("*"))


def not_up(*arguments: str, **environ: str) -> str:
    """Return what a stack says that cannot start; a stack trace is no sentence."""
    told = subprocess.run(
        [sys.executable, "-m", "local.stack", "up", "--no-seed", *arguments],
        cwd=ROOT,
        env={**os.environ, "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    return told.stderr


# -- starting and ending ---------------------------------------------------------------------------


def write_device(stack: Stack, hwid: str) -> None:
    url = f"http://{stack.firestore}/v1/projects/{stack.project}/databases/(default)/documents"
    admin = {"Authorization": "Bearer owner"}
    httpx.patch(
        f"{url}/devices/{hwid}", json={"fields": {}}, headers=admin, timeout=60
    ).raise_for_status()


def silent(stack: Stack) -> bool:
    return not any(listens_at(stack.addresses[name]) for name in SERVICES)


@pytest.mark.slow
def test_a_whole_stack_runs_and_leaves_nothing(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_stack(seed=False, source=source) as stack:
        told = Stack.load(stack.folder / "stack.json")
        assert told == stack
        assert status(stack.folder / "stack.json") == 0
        assert {path.stem for path in stack.logs.iterdir()} == {*SERVICES, "workers"}

        write_device(stack, "d1")
        hello = f"{stack.functions}/say-hello"
        eventually(
            lambda: httpx.get(hello, timeout=60).json()["seen"] == ["devices/d1"], "the event"
        )
        environment = httpx.get(hello, timeout=60).json()["environment"]
        assert stack.environment().items() <= environment.items()

        credentials = Credentials.from_service_account_file(
            str(stack.credentials), scopes=["https://www.googleapis.com/auth/firebase.messaging"]
        )
        credentials.refresh(Request())
        assert credentials.token
    assert silent(stack)
    assert not stack.folder.exists()


@pytest.mark.slow
def test_services_that_run_already_are_used(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOUD_TASKS_BASE_URL", "127.0.0.1:4")
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:3")
    monkeypatch.setenv("FCM_BASE_URL", "http://127.0.0.1:5/")
    monkeypatch.setenv("APNS_BASE_URL", "https://127.0.0.1:6/")
    monkeypatch.setenv("HMS_PUSH_BASE_URL", "http://127.0.0.1:7")
    monkeypatch.setenv("FANFARE_PANEL_URL", "http://127.0.0.1:8")
    monkeypatch.setenv("LOCAL_WEB_BASE_URL", "https://127.0.0.1:10")
    monkeypatch.setenv("TELEGRAM_BASE_URL", "http://127.0.0.1:11")
    with running_stack(seed=False, source=source) as stack:
        assert (stack.tasks, stack.auth) == ("127.0.0.1:4", "127.0.0.1:3")
        assert stack.push == {
            "fcm": "http://127.0.0.1:5",
            "apns": "https://127.0.0.1:6",
            "hms": "http://127.0.0.1:7",
        }
        assert stack.panel == "http://127.0.0.1:8"
        logs = {path.stem for path in stack.logs.iterdir()}
        assert logs == {"firestore", "gateway", "workers"}


@contextmanager
def only_firestore_and_gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for each in EMULATORS:
            patch.setenv(each.variable, f"{each.scheme}127.0.0.1:9")
        yield


@pytest.mark.slow
def test_a_phase_that_fails_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Stack] = []

    def seed(stack: Stack, devices: int) -> list[Account]:
        seen.append(stack)
        assert devices == 7
        assert answers(stack.gateway.removeprefix("http://"))
        raise RuntimeError("no seed today")

    module = types.ModuleType("local.seed")
    module.seed = seed  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "local.seed", module)
    path = tmp_path / "stack.json"
    with (
        only_firestore_and_gateway(monkeypatch),
        pytest.raises(RuntimeError, match="no seed today"),
        running_stack(devices=7, source=source, stack_file=path),
    ):
        pass
    assert not listens(seen[0].firestore)
    assert not listens_at(seen[0].gateway)
    assert not path.exists()
    assert holder(path) is None


@pytest.mark.slow
def test_functions_that_do_not_load_are_reported(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.write_text("DOORS = {'say_hello': 'main'}\n")
    with (
        only_firestore_and_gateway(monkeypatch),
        pytest.raises(ChildFailed, match=r"(?s)gateway ended with code 1.*say_hello"),
        running_stack(seed=False, source=source),
    ):
        pass


@pytest.mark.slow
def test_without_an_emulator_the_embedded_store_takes_its_place_and_says_so(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.firestore.find_jar", nowhere)
    told: list[str] = []
    with (
        only_firestore_and_gateway(monkeypatch),
        running_stack(seed=False, source=source, say=told.append) as stack,
    ):
        write_device(stack, "d1")
        hello = f"{stack.functions}/say-hello"
        eventually(
            lambda: httpx.get(hello, timeout=60).json()["seen"] == ["devices/d1"], "the event"
        )
    assert "The embedded store takes the emulator's place. The jar is nowhere." in told
    assert "Starting embedded store, gateway, workers …" in told
    assert not listens(stack.firestore)


@pytest.mark.parametrize(
    ("store", "jar"), [("emulator", ""), ("", "FIRESTORE_EMULATOR_JAR")], ids=["asked", "named"]
)
def test_who_asks_for_the_emulator_is_told_that_there_is_none(
    source: Path, monkeypatch: pytest.MonkeyPatch, store: str, jar: str
) -> None:
    monkeypatch.setattr("local.firestore.find_jar", nowhere)
    if jar:
        monkeypatch.setenv(jar, "/somewhere.jar")
    with (
        pytest.raises(EmulatorMissing, match="nowhere"),
        running_stack(seed=False, source=source, store=store),
    ):
        pass


def nowhere() -> Path:
    raise EmulatorMissing("The jar is nowhere.")


def test_an_emulator_that_runs_already_and_the_embedded_store_exclude_each_other(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    with (
        pytest.raises(StackError, match=r"names the emulator at 127\.0\.0\.1:1: unset it"),
        running_stack(seed=False, source=source, store="embedded"),
    ):
        pass


@pytest.mark.slow
@pytest.mark.usefixtures("emulator_jar")
def test_rules_that_do_not_compile_are_reported(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "firestore.rules"
    rules.write_text("rules_version = '2';\nservice cloud.firestone {}\n")
    monkeypatch.setattr("local.starting.RULES", rules)
    with (
        only_firestore_and_gateway(monkeypatch),
        pytest.raises(BadRules, match=r"firestore\.rules: (?s:.*)L2"),
        running_stack(seed=False, source=source),
    ):
        pass


def test_a_taken_port_is_reported(source: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ChildFailed, match=f"something listens at 127.0.0.1:{port}"),
            running_stack(seed=False, source=source, ports={"firestore": port}),
        ):
            pass


# -- the command -----------------------------------------------------------------------------------


class Command:
    """``python -m local.stack up`` in a process of its own."""

    def __init__(self, source: Path, stack_file: Path, end: ExitStack, *further: str) -> None:
        self.stack_file = stack_file
        self.process = end.enter_context(
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "local.stack", "up", "--no-seed"),
                    *("--source", str(source), "--stack-file", str(stack_file)),
                    *further,
                ],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        end.callback(self.process.kill)

    def stack(self) -> Stack:
        eventually(self._is_up, "the stack is up", seconds=60)
        return Stack.load(self.stack_file)

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.output()
        return self.stack_file.exists()

    def output(self) -> str:
        out, _ = self.process.communicate()
        return out


@pytest.fixture
def command(source: Path, tmp_path: Path) -> Iterator[Command]:
    with ExitStack() as end:
        yield Command(source, tmp_path / "stack.json", end)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_all(command: Command, number: signal.Signals) -> None:
    stack = command.stack()
    command.process.send_signal(number)
    said = command.output()
    assert command.process.returncode == 0
    assert said.rstrip().endswith("Ended.")
    assert f"gateway    {stack.gateway}" in said
    assert silent(stack)
    assert not command.stack_file.exists()


@pytest.mark.slow
def test_nothing_outlives_a_killed_stack(command: Command) -> None:
    stack = command.stack()
    command.process.kill()
    command.process.wait()
    eventually(lambda: silent(stack), "every child ends")
    assert holder(command.stack_file) is None


@pytest.mark.slow
def test_down_ends_the_running_stack(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    stack = command.stack()
    assert holder(command.stack_file) == stack.pid
    assert down(command.stack_file) == 0
    assert "Ended (pid" in capsys.readouterr().out
    assert silent(stack)


@pytest.mark.slow
def test_a_second_stack_is_refused_and_one_with_its_own_file_is_not(
    command: Command, source: Path, tmp_path: Path
) -> None:
    stack = command.stack()
    with ExitStack() as end:
        second = Command(source, command.stack_file, end)
        assert f"A stack is running already (pid {stack.pid}" in second.output()
        assert second.process.returncode == 1

        third = Command(source, tmp_path / "other.json", end).stack()
        assert not set(stack.addresses.values()) & set(third.addresses.values())
        assert down(tmp_path / "other.json") == 0
    assert Stack.load(command.stack_file) == stack


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the child in /proc")
def test_a_child_that_dies_ends_the_stack_with_its_name(command: Command) -> None:
    stack = command.stack()
    os.kill(_listener(stack.tasks), signal.SIGKILL)
    said = command.output()
    assert command.process.returncode == 1
    assert "tasks ended with code 137." in said
    assert silent(stack)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the child in /proc")
def test_an_embedded_store_that_is_killed_ends_the_stack_with_its_name(
    source: Path, tmp_path: Path
) -> None:
    with ExitStack() as end:
        command = Command(source, tmp_path / "stack.json", end, "--store", "embedded")
        stack = command.stack()
        os.kill(_listener(stack.firestore), signal.SIGKILL)
        said = command.output()
    assert command.process.returncode == 1
    assert "embedded store ended with code 137." in said
    assert silent(stack)


def _listener(address: str) -> int:
    """Find the process whose command line has the port, and that is no keeper."""
    port = address.rpartition(":")[2]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if f"--port={port}" in words and "-c" not in words:
            return int(folder.name)
    raise LookupError(address)


@pytest.mark.slow
def test_a_missing_jar_is_told_in_one_sentence(source: Path, tmp_path: Path) -> None:
    told = subprocess.run(
        [
            *(sys.executable, "-m", "local.stack", "up", "--no-seed"),
            *("--source", str(source), "--stack-file", str(tmp_path / "stack.json")),
        ],
        cwd=ROOT,
        env={**os.environ, "FIRESTORE_EMULATOR_JAR": str(tmp_path / "gone.jar")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert told.stderr.strip() == (
        f"FIRESTORE_EMULATOR_JAR names {tmp_path / 'gone.jar'}, and there is no such file."
    )
