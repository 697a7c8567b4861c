"""Child processes that cannot outlive their parent, and the ports they listen on.

A child outlives a killed parent for ever unless it is prevented. So each child of the local stack
runs under a keeper: a tiny process holding the end of a pipe, which the kernel closes however the
parent dies. Linux's PR_SET_PDEATHSIG does less: it fires when the starting *thread* ends, needs
code between fork and exec (unsafe beside gRPC's threads), and exists on no other system.
"""

import contextlib
import fcntl
import inspect
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

START_SECONDS = 60.0
GRACE_SECONDS = 5.0
TAIL_LINES = 20


class ChildFailed(RuntimeError):
    """Error for a child that died, or was not ready in time; the log's tail is in the sentence."""


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Find distinct free ports, below the range the kernel hands to outgoing connections.

    Until this process ends no other process of this user is given them: between the search and the
    moment a server listens there, each of two test runs would take the other's.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            if _reserved(port):
                ports.append(port)
    return ports


_our_ports: set[int] = set()


@cache
def _reservations() -> int:
    path = Path(tempfile.gettempdir(), f"fanfare-ports-{os.getuid()}")
    return os.open(path, os.O_CREAT | os.O_RDWR, 0o600)


def _reserved(port: int) -> bool:
    """Lock the byte that stands for a port; raises ``OSError`` where another process has it."""
    if port in _our_ports:
        return False
    fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    _our_ports.add(port)
    return True


def listens(address: str) -> bool:
    """Tell whether a server accepts connections at ``host:port``."""
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def listens_at(address: str) -> bool:
    """Tell whether a server listens at a base URL or ``host:port``."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return listens(f"{parts.hostname}:{port}")


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
    """Process that cannot outlive the one that started it. Its output goes to ``log``."""

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
        """Exit code; None while the child runs, 128 + n when a signal n ended it."""
        return self._keeper.poll()

    def tail(self) -> str:
        """Return the last lines of the log without Java's stack frames, and where all of it is."""
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
        """Begin ending the child, without waiting. Asking twice is harmless."""
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
        """Tell whether any process of its group lives on, given a moment to end."""
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
