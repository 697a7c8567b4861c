"""Google's own Firestore emulator: started, given its rules, ended with its starter.

It surprises: a bad rules file does not keep it from starting, so the rules are put again once it
answers; and it outlives a killed parent for ever, so it is a ``Child``.

Where there is none, our embedded store takes its place (``local.emulators.firestore``).
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from local.emulator_jar import find_jar, launch_of
from local.java import find_java
from local.processes import (
    START_SECONDS,
    Child,
    ChildFailed,
    free_ports,
    listens,
    require_free,
)

ROOT = Path(__file__).parents[1]
FAST_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx2g", "-Duser.language=en")


class BadRules(ValueError):
    """Error for security rules that do not compile; the sentence names line and column."""


class Emulator:
    """Calls of a running emulator. Data, rules and triggers are apart for every project id."""

    def __init__(self, address: str) -> None:
        self.address = address

    def is_ready(self) -> bool:
        """Tell whether it answers."""
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

    With FIRESTORE_EMULATOR_HOST set, that emulator is used, and none is started or ended.
    ``functions`` is the ``host:port`` that events are posted to; it need not listen yet. Where an
    emulator that was started by others posts them is not known.
    """

    name = "firestore"
    variable = "FIRESTORE_EMULATOR_HOST"

    def __init__(
        self,
        *,
        project: str = "demo-fanfare",
        port: int | None = None,
        functions: str | None = None,
        rules: Path | None = None,
        log: Path | None = None,
    ) -> None:
        running = os.environ.get(self.variable)
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
            command = self._command()
            log = self._log or self._temporary_log()
            self.child = Child(self.name, command, log=log, cwd=ROOT)
        return self

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Return once it answers and its rules are known to compile."""
        if self.child:
            self.child.wait_until(self.is_ready, seconds)
        elif not self.is_ready():
            raise ChildFailed(f"{self.variable} is {self.address}, and nothing answers there.")
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

    def _command(self) -> list[str]:
        launch = launch_of(find_jar())
        return [find_java(at_least=launch.java), *FAST_START, *launch.arguments, *self._flags()]

    def _flags(self) -> list[str]:
        host, _, port = self.address.rpartition(":")
        flags = [f"--host={host}", f"--port={port}", f"--project_id={self._project}"]
        if self._rules:
            flags.append(f"--rules={self._rules}")
        if self.functions:
            flags.append(f"--functions_emulator={self.functions}")
        return flags

    def _temporary_log(self) -> Path:
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="firestore-"))
        return Path(folder, "firestore.log")


class EmbeddedStore(FirestoreEmulator):
    """``with EmbeddedStore() as store: store.address``: the same for our own store.

    It is always started here, and knows the rules of this repository without being given them.
    """

    name = "embedded store"
    variable = ""

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Return once it answers."""
        if self.child:
            self.child.wait_until(self.is_ready, seconds)

    def _command(self) -> list[str]:
        host, _, port = self.address.rpartition(":")
        command = [sys.executable, "-m", "local.emulators.firestore.server"]
        command += [f"--host={host}", f"--port={port}"]
        return [*command, f"--functions={self.functions}"] if self.functions else command
