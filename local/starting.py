"""A stack from nothing to its first notification: started, seeded, tried, and ended.

Every child runs under a keeper (``local.processes.Child``), so nothing survives this process, even
killed. Children are started side by side and only then waited for: Java takes seconds. Events are
asked for after seeding, or every seeded document would be one.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import httpx

from local import telegram_setup
from local.emulators.service_account import write_service_account
from local.firestore import EmbeddedStore, FirestoreEmulator
from local.java import EmulatorMissing
from local.processes import Child, ChildFailed, end_all, free_ports, listens, require_free
from local.push_services import PUSH_SERVICES, PushService
from local.stack_file import ROOT, STACK_FILE, Stack, StackError, claimed, folder_of

SOURCE = ROOT / "functions" / "main.py"
RULES = ROOT / "firestore.rules"
GATEWAY = "local.gateway"
PROJECT = "demo-fanfare"
REGION = "europe-west1"
OF_QUEUES = "plan-fanout,send-batch,export-events"
"""Functions that Cloud Tasks calls have a process of their own here, as they have their own
instances in production.
"""

STORES = ("emulator", "embedded")
NAMED_JARS = (
    "FIRESTORE_EMULATOR_JAR",
    "FIRESTORE_EMULATOR_BINARY_PATH",
    "FIRESTORE_EMULATOR_VERSION",
)
"""Variables that ask for one emulator: who sets one does not want another store."""

QUEUES = {
    "plan": "50:1:0.5:30:100",
    "send-urgent": "100:8:0.5:30:100",
    "send-normal": "100:8:0.5:30:100",
    "send-bulk": "50:4:0.5:30:100",
    "export": "10:1:0.5:30:100",
}
"""RATE:CONCURRENT:MIN_BACKOFF:MAX_BACKOFF:MAX_ATTEMPTS. Together they leave some of the gateway's
threads to people. One plan at a time: a page of the audience takes the Firestore emulator a whole
processor, and nothing in production."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """Emulator that is a module here, unless the environment names one that runs already."""

    name: str
    variable: str
    """Variable that names an emulator that runs already."""
    scheme: str = ""
    arguments: Callable[[Stack], tuple[str, ...]] = lambda _: ()
    admin: str = ""
    """Name in stack.json of a second port, which tests ask."""

    @classmethod
    def of(cls, service: PushService) -> Self:
        """Describe the emulator of a push service."""
        return cls(
            service.name,
            service.variable,
            service.scheme,
            lambda stack: service.arguments(stack.folder),
            service.admin,
        )

    @property
    def is_ours(self) -> bool:
        """True if we have to start it."""
        return not os.environ.get(self.variable)

    def address(self, port: int) -> str:
        """Return its address; ``port`` counts when it is ours."""
        running = os.environ.get(self.variable)
        return running.rstrip("/") if running else f"{self.scheme}127.0.0.1:{port}"


EMULATORS = (
    Emulator(
        "tasks",
        "CLOUD_TASKS_BASE_URL",
        arguments=lambda _: tuple(f"--queue={name}:{limits}" for name, limits in QUEUES.items()),
        admin="tasksAdmin",
    ),
    Emulator("auth", "FIREBASE_AUTH_EMULATOR_HOST"),
    *map(Emulator.of, PUSH_SERVICES),
    Emulator(
        "telegram",
        "TELEGRAM_BASE_URL",
        "http://",
        lambda _: (
            f"--token={telegram_setup.BOT_TOKEN}",
            f"--chat={telegram_setup.ROOM}",
            *(f"--person={id}={name}" for id, name in telegram_setup.PEOPLE.items()),
        ),
    ),
    Emulator(
        "panel",
        "FANFARE_PANEL_URL",
        "http://",
        lambda stack: (
            f"--functions={stack.functions}",
            f"--auth={stack.auth}",
            f"--project={stack.project}",
        ),
    ),
    Emulator(
        "web",
        "LOCAL_WEB_BASE_URL",
        "https://",
        lambda stack: (
            f"--sites-file={stack.sites}",
            f"--ca-file={stack.sites.with_suffix('.pem')}",
        ),
    ),
)
SERVICES = ("gateway", "firestore", *(each.name for each in EMULATORS))
PORTS = (*SERVICES, *(each.admin for each in EMULATORS if each.admin), "workers")


@dataclass(frozen=True, slots=True)
class Plan:
    """Stack to start. Ports that are not given are chosen."""

    project: str = PROJECT
    region: str = REGION
    devices: int = 0
    seed: bool = True
    journey: bool = False
    source: Path = SOURCE
    tick_seconds: float = 10.0
    ports: Mapping[str, int] | None = None
    say: Callable[[str], None] = print
    store: str = ""
    """One of ``STORES``; without one the emulator, or where there is none the embedded store."""


class Starter:
    """Starter of one stack's children, side by side, which knows when each is ready."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        chosen = zip(PORTS, free_ports(len(PORTS)), strict=True)
        self._ports = dict(chosen) | dict(plan.ports or {})
        self._plan = plan
        self._gateway = f"127.0.0.1:{self._ports['gateway']}"
        self._log = folder / "logs" / "firestore.log"
        if plan.store == "embedded":
            self._firestore = self._embedded_store()
        else:
            self._firestore = FirestoreEmulator(
                project=plan.project,
                port=self._ports["firestore"],
                functions=self._gateway,
                rules=RULES if RULES.is_file() else None,
                log=self._log,
            )
        addresses = {each.name: each.address(self._ports[each.name]) for each in EMULATORS}
        self.stack = Stack(
            project=plan.project,
            region=plan.region,
            gateway=f"http://{self._gateway}",
            functions=f"http://{self._gateway}/{plan.project}/{plan.region}",
            firestore=self._firestore.address,
            auth=addresses["auth"],
            tasks=addresses["tasks"],
            tasksAdmin=f"http://127.0.0.1:{self._ports['tasksAdmin']}",
            push=self._push_addresses(),
            telegram=addresses["telegram"],
            panel=addresses["panel"],
            web=addresses["web"],
            pid=os.getpid(),
            folder=folder,
        )
        self.children: list[Child] = []

    def _push_addresses(self) -> dict[str, str]:
        """Return where push services answer; second ports of others' are not known."""
        addresses: dict[str, str] = {}
        for each in map(Emulator.of, PUSH_SERVICES):
            addresses[each.name] = each.address(self._ports[each.name])
            if each.admin and each.is_ours:
                addresses[each.admin] = f"http://127.0.0.1:{self._ports[each.admin]}"
        return addresses

    def start(self) -> None:
        """Start them all; returns when all are ready."""
        started = time.monotonic()
        shutil.rmtree(self.stack.archive, ignore_errors=True)  # its Firestore is gone
        write_service_account(
            self.stack.credentials,
            project=self.stack.project,
            email=self.stack.account_of("functions"),
            token_url=self.stack.token_url,
        )
        for service in PUSH_SERVICES:
            service.make_credentials(self.stack.folder)
        self._require_settings()
        self._start_firestore()
        if self._firestore.child:
            self.children.append(self._firestore.child)
        waits: list[Callable[[], None]] = [self._firestore.wait]
        waits += [
            self._run(each.name, f"local.emulators.{each.name}.server", self._of(each), listens)
            for each in EMULATORS
            if each.is_ours
        ]
        waits += [self._start_gateway(), self._start_workers()]
        self._plan.say(f"Starting {', '.join(child.name for child in self.children)} …")
        for wait in waits:
            wait()
        self._plan.say(f"All answer after {time.monotonic() - started:.1f} s.")

    def register_triggers(self) -> None:
        """Ask Firestore's emulator to send events for writes from now on."""
        with httpx.Client(trust_env=False, timeout=30) as client:
            client.post(f"{self.stack.gateway}/_triggers").raise_for_status()
        if not self._firestore.started_here:
            self._plan.say(
                f"Note: events arrive only if the Firestore emulator at {self.stack.firestore} was "
                f"started with --functions_emulator={self._gateway}."
            )

    def agree_with_telegram(self) -> None:
        """Set the webhook for presses; another's Telegram is set up by `fanfare telegram setup`."""
        if any(each.name == "telegram" and each.is_ours for each in EMULATORS):
            telegram_setup.agree(self.stack.telegram, self.stack.functions)

    def check(self) -> None:
        """Raise if a child has died."""
        for child in self.children:
            child.check()

    def end(self) -> None:
        """End every child, and make sure."""
        end_all(self.children)
        if left := [child.name for child in self.children if child.is_left()]:
            raise ChildFailed(f"Still running after it was killed: {', '.join(left)}.")

    def _require_settings(self) -> None:
        """Check the settings now, in a sentence, rather than at the end of a log once all is
        started.
        """
        from shared.settings import SettingsError, read

        try:
            read({**os.environ, **self.stack.environment()})
        except SettingsError as fault:
            raise StackError(str(fault)) from None

    def _embedded_store(self) -> FirestoreEmulator:
        if running := os.environ.get(FirestoreEmulator.variable):
            raise StackError(
                f"{FirestoreEmulator.variable} names the emulator at {running}: unset it to use "
                "the embedded store."
            )
        return EmbeddedStore(port=self._ports["firestore"], functions=self._gateway, log=self._log)

    def _start_firestore(self) -> None:
        try:
            self._firestore.start()
        except EmulatorMissing as missing:
            if self._plan.store or any(map(os.environ.get, NAMED_JARS)):
                raise
            self._plan.say(f"The embedded store takes the emulator's place. {missing}")
            self._firestore = self._embedded_store().start()

    def _start_gateway(self) -> Callable[[], None]:
        away = f"--elsewhere=127.0.0.1:{self._ports['workers']}={OF_QUEUES}"
        tick = f"--tick-seconds={self._plan.tick_seconds}"
        return self._run("gateway", GATEWAY, (*self._of_functions(), tick, away), answers)

    def _start_workers(self) -> Callable[[], None]:
        arguments = (*self._of_functions(), "--tick-seconds=0", f"--only={OF_QUEUES}")
        return self._run("workers", GATEWAY, arguments, answers)

    def _of(self, emulator: Emulator) -> tuple[str, ...]:
        """Return an emulator's arguments."""
        second = (f"--admin-port={self._ports[emulator.admin]}",) if emulator.admin else ()
        return (*second, *emulator.arguments(self.stack))

    def _of_functions(self) -> tuple[str, ...]:
        return (
            f"--project={self._plan.project}",
            f"--region={self._plan.region}",
            f"--firestore={self.stack.firestore}",
            f"--source={self._plan.source}",
            "--no-triggers",
        )

    def _run(
        self, name: str, module: str, arguments: tuple[str, ...], ready: Callable[[str], bool]
    ) -> Callable[[], None]:
        host, port = "127.0.0.1", self._ports[name]
        where = (f"--host={host}", f"--port={port}")
        require_free(name, f"{host}:{port}")
        child = Child(
            name,
            [sys.executable, "-m", module, *where, *arguments],
            log=self.stack.logs / f"{name}.log",
            environ={**os.environ, **self.stack.environment(), "PYTHONUNBUFFERED": "1"},
            cwd=ROOT,
        )
        self.children.append(child)
        return lambda: child.wait_until(lambda: ready(f"{host}:{port}"))


def answers(address: str) -> bool:
    """Tell whether an HTTP server answers at ``host:port``; one that listens may be loading."""
    if not listens(address):
        return False
    with contextlib.suppress(httpx.TransportError), httpx.Client(trust_env=False) as client:
        return client.get(f"http://{address}/").is_success
    return False


def seed(stack: Stack, devices: int) -> Stack:
    """Put people, domains and devices into the stack."""
    from local.seed import seed as plant  # loads the product, which takes a second

    with stack.entered():
        return replace(stack, accounts=tuple(plant(stack, devices)))


def make_journey(stack: Stack) -> None:
    """Send one notification all the way."""
    from local.journey import JourneyFailed, run

    try:
        with stack.entered():
            run(stack)
    except JourneyFailed as failure:
        raise StackError(f"The journey failed: {failure}") from failure


@contextmanager
def started(plan: Plan, stack_file: Path) -> Iterator[tuple[Stack, Starter]]:
    """Start, seed, register triggers, write the file, make the journey; end it all afterwards."""
    with ExitStack() as end:
        end.enter_context(claimed(stack_file))
        starter = Starter(plan, folder_of(stack_file))
        end.callback(starter.end)
        starter.start()
        stack = starter.stack
        if plan.seed:
            began = time.monotonic()
            stack = seed(stack, plan.devices)
            plan.say(
                f"Seeded {plan.devices} devices and {len(stack.accounts)} accounts "
                f"in {time.monotonic() - began:.1f} s."
            )
        starter.register_triggers()
        starter.agree_with_telegram()
        stack.save(stack_file)
        if plan.journey:
            make_journey(stack)
        yield stack, starter


@contextmanager
def running_stack(
    *,
    devices: int = 0,
    journey: bool = False,
    seed: bool = True,
    project: str = PROJECT,
    region: str = REGION,
    source: Path = SOURCE,
    tick_seconds: float = 10.0,
    ports: Mapping[str, int] | None = None,
    stack_file: Path | None = None,
    say: Callable[[str], None] = print,
    store: str = "",
) -> Iterator[Stack]:
    """Run a stack for tests and benchmarks, apart from any other: its file is a temporary one."""
    plan = Plan(project, region, devices, seed, journey, source, tick_seconds, ports, say, store)
    with ExitStack() as end:
        if stack_file is None:
            folder = end.enter_context(tempfile.TemporaryDirectory(prefix="fanfare-"))
            stack_file = Path(folder, STACK_FILE.name)
        stack, _ = end.enter_context(started(plan, stack_file))
        yield stack
