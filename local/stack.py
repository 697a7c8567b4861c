"""The whole platform on this machine: started, seeded, shown to work, and ended without a trace.

Every child runs under a keeper (``local.firestore.Child``), so nothing survives this process, even
killed. Whether a stack runs is asked of a file lock and not of the pid in its file: the lock goes
with its holder, while a pid may by now be somebody else's.
"""

import argparse
import contextlib
import fcntl
import io
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.firestore import (
    BadRules,
    Child,
    ChildFailed,
    EmulatorMissing,
    FirestoreEmulator,
    end_all,
    free_ports,
    listens,
    require_free,
)

ROOT = Path(__file__).parents[1]
STACK_FILE = ROOT / ".local" / "stack.json"
SOURCE = ROOT / "functions" / "main.py"
RULES = ROOT / "firestore.rules"
PROJECT = "demo-fanfare"
REGION = "europe-west1"
DOWN_SECONDS = 20.0

QUEUES = {
    "plan": "50:4:0.5:30:100",
    "send-urgent": "100:8:0.5:30:100",
    "send-normal": "100:8:0.5:30:100",
    "send-bulk": "50:4:0.5:30:100",
}
"""RATE:CONCURRENT:MIN_BACKOFF:MAX_BACKOFF:MAX_ATTEMPTS. Together they leave some of the gateway's
threads to people."""


class StackError(RuntimeError):
    """The stack cannot be started, found or ended; the sentence says what to do."""


# -- what a running stack is -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in."""

    uid: str
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class Stack:
    """Where everything answers. ``folder`` holds the logs and the service account's key."""

    project: str
    region: str
    gateway: str
    functions: str
    firestore: str
    auth: str
    tasks: str
    tasksAdmin: str  # noqa: N815 - as in stack.json
    fcm: str
    pid: int
    folder: Path
    accounts: tuple[Account, ...] = ()

    @classmethod
    def load(cls, path: Path = STACK_FILE) -> Self:
        """The stack that wrote this file."""
        try:
            told = json.loads(path.read_text())
        except FileNotFoundError:
            raise StackError(
                f"No stack is running ({_short(path)} is missing): start one with "
                "`python -m local.stack up`."
            ) from None
        known = {each.name for each in fields(cls)} & told.keys()
        accounts = tuple(Account(**account) for account in told.get("accounts", ()))
        given = {name: told[name] for name in known} | {"accounts": accounts}
        return cls(folder=folder_of(path), **given)

    def save(self, path: Path) -> None:
        """Write the file at once, so that nobody reads half of it."""
        told = asdict(self)
        del told["folder"]
        draft = path.with_suffix(f".{self.pid}.tmp")
        draft.write_text(json.dumps(told, indent=2) + "\n")
        draft.replace(path)

    @property
    def credentials(self) -> Path:
        """A service account's key that opens nothing."""
        return self.folder / "service-account.json"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.folder / "logs"

    @property
    def token_url(self) -> str:
        """Where the service account's key is exchanged for access tokens."""
        return os.environ.get("GOOGLE_OAUTH_TOKEN_URL") or f"{self.fcm}/token"

    def account_of(self, role: str) -> str:
        """The e-mail address a Google service calls the functions with."""
        return f"fanfare-{role}@{self.project}.iam.gserviceaccount.com"

    def environment(self) -> dict[str, str]:
        """What the functions, and clients of this stack, find in their environment."""
        return {
            "GOOGLE_CLOUD_PROJECT": self.project,
            "FIRESTORE_EMULATOR_HOST": self.firestore,
            "FIREBASE_AUTH_EMULATOR_HOST": self.auth,
            "CLOUD_TASKS_BASE_URL": self.tasks,
            "FCM_BASE_URL": self.fcm,
            "GOOGLE_OAUTH_TOKEN_URL": self.token_url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.credentials),
            "FANFARE_REGION": self.region,
            "FANFARE_FUNCTIONS_URL": self.functions,
            "FANFARE_TASKS_ACCOUNT": self.account_of("tasks"),
            "FANFARE_EVENTS_ACCOUNT": self.account_of("events"),
            "FANFARE_SCHEDULER_ACCOUNT": self.account_of("scheduler"),
            "NO_PROXY": ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1,localhost"))),
        }

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Within it, Google's clients in this process find the stack, as they do in functions.

        Some look nowhere but in ``os.environ``, and would call the real service without it.
        """
        before = dict(os.environ)
        os.environ.update(self.environment())
        try:
            yield
        finally:
            for name in self.environment():
                os.environ.pop(name, None)
                if name in before:
                    os.environ[name] = before[name]

    def table(self) -> str:
        """All addresses, aligned."""
        rows = [
            ("gateway", self.gateway),
            ("functions", self.functions),
            ("firestore", self.firestore),
            ("auth", self.auth),
            ("tasks", self.tasks),
            ("fcm", self.fcm),
            ("logs", _short(self.logs)),
        ]
        rows += [(account.role, f"{account.email}  ({account.uid})") for account in self.accounts]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"  {name:{width}}  {value}" for name, value in rows)


def folder_of(stack_file: Path) -> Path:
    """Where a stack keeps its logs and key: apart from those of any other stack."""
    own = stack_file.name != STACK_FILE.name
    return stack_file.with_suffix("") if own else stack_file.parent


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


# -- one stack per file ----------------------------------------------------------------------------


@contextmanager
def claimed(stack_file: Path) -> Iterator[None]:
    """Hold the file's lock; refuse when a living stack does."""
    stack_file.parent.mkdir(parents=True, exist_ok=True)
    with stack_file.with_suffix(".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StackError(
                f"A stack is running already (pid {lock.read()}, {_short(stack_file)}): end it with"
                " `python -m local.stack down`, or give this one its own --stack-file."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        stack_file.unlink(missing_ok=True)
        try:
            yield
        finally:
            stack_file.unlink(missing_ok=True)


def holder(stack_file: Path) -> int | None:
    """The pid of the living stack of this file."""
    try:
        with stack_file.with_suffix(".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return int(stack_file.with_suffix(".lock").read_text())
    return None


# -- starting --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StandIn:
    """A part of Google's played by a module of ours, unless the environment names another."""

    name: str
    variable: str
    """Names one that runs already."""
    scheme: str = ""
    arguments: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether we have to start it."""
        return not os.environ.get(self.variable)

    def address(self, port: int) -> str:
        """Where it answers; ``port`` counts when it is ours."""
        running = os.environ.get(self.variable)
        return running.rstrip("/") if running else f"{self.scheme}127.0.0.1:{port}"


STAND_INS = (
    StandIn(
        "tasks",
        "CLOUD_TASKS_BASE_URL",
        arguments=(
            "--admin-port={tasks_admin}",
            *(f"--queue={name}:{limits}" for name, limits in QUEUES.items()),
        ),
    ),
    StandIn("auth", "FIREBASE_AUTH_EMULATOR_HOST"),
    StandIn("fcm", "FCM_BASE_URL", "http://", ("--service-account={credentials}",)),
)
SERVICES = ("gateway", "firestore", *(each.name for each in STAND_INS))


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start. Ports that are not given are chosen."""

    project: str = PROJECT
    region: str = REGION
    devices: int = 0
    seed: bool = True
    journey: bool = False
    source: Path = SOURCE
    tick_seconds: float = 10.0
    ports: Mapping[str, int] | None = None
    say: Callable[[str], None] = print


class Starter:
    """Starts the children of one stack, side by side, and knows when each is ready."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        *chosen, self._tasks_admin = free_ports(len(SERVICES) + 1)
        self._ports = dict(zip(SERVICES, chosen, strict=True)) | dict(plan.ports or {})
        self._plan = plan
        self._gateway = f"127.0.0.1:{self._ports['gateway']}"
        self._firestore = FirestoreEmulator(
            project=plan.project,
            port=self._ports["firestore"],
            functions=self._gateway,
            rules=RULES if RULES.is_file() else None,
            log=folder / "logs" / "firestore.log",
        )
        played = {each.name: each.address(self._ports[each.name]) for each in STAND_INS}
        self.stack = Stack(
            project=plan.project,
            region=plan.region,
            gateway=f"http://{self._gateway}",
            functions=f"http://{self._gateway}/{plan.project}/{plan.region}",
            firestore=self._firestore.address,
            auth=played["auth"],
            tasks=played["tasks"],
            tasksAdmin=f"http://127.0.0.1:{self._tasks_admin}",
            fcm=played["fcm"],
            pid=os.getpid(),
            folder=folder,
        )
        self.children: list[Child] = []

    def start(self) -> None:
        """Start them all; returns when all are ready."""
        started = time.monotonic()
        write_service_account(self.stack)
        self._firestore.start()
        if self._firestore.child:
            self.children.append(self._firestore.child)
        waits: list[Callable[[], None]] = [self._firestore.wait]
        waits += [
            self._module(each.name, each.arguments, listens) for each in STAND_INS if each.is_ours
        ]
        waits.append(self._start_gateway())
        self._plan.say(f"Starting {', '.join(child.name for child in self.children)} …")
        for wait in waits:
            wait()
        self._plan.say(f"All answer after {time.monotonic() - started:.1f} s.")

    def register_triggers(self) -> None:
        """From now on, writes are events."""
        with httpx.Client(trust_env=False, timeout=30) as client:
            client.post(f"{self.stack.gateway}/_triggers").raise_for_status()
        if not self._firestore.started_here:
            self._plan.say(
                f"Note: events arrive only if the Firestore emulator at {self.stack.firestore} was "
                f"started with --functions_emulator={self._gateway}."
            )

    def check(self) -> None:
        """Raise if a child has died."""
        for child in self.children:
            child.check()

    def end(self) -> None:
        """End every child, and make sure."""
        end_all(self.children)
        if left := [child.name for child in self.children if child.is_left()]:
            raise ChildFailed(f"Still running after it was killed: {', '.join(left)}.")

    def _start_gateway(self) -> Callable[[], None]:
        plan = self._plan
        arguments = (
            f"--project={plan.project}",
            f"--region={plan.region}",
            f"--firestore={self.stack.firestore}",
            f"--source={plan.source}",
            f"--tick-seconds={plan.tick_seconds}",
            "--no-triggers",
        )
        return self._module("gateway", arguments, answers)

    def _module(
        self, name: str, arguments: tuple[str, ...], ready: Callable[[str], bool]
    ) -> Callable[[], None]:
        host, port = "127.0.0.1", self._ports[name]
        where = (f"--host={host}", f"--port={port}")
        require_free(name, f"{host}:{port}")
        child = Child(
            name,
            [
                *(sys.executable, "-m", f"local.{name}", *where),
                *(self._filled(each) for each in arguments),
            ],
            log=self.stack.logs / f"{name}.log",
            environ={**os.environ, **self.stack.environment(), "PYTHONUNBUFFERED": "1"},
            cwd=ROOT,
        )
        self.children.append(child)
        return lambda: child.wait_until(lambda: ready(f"{host}:{port}"))

    def _filled(self, argument: str) -> str:
        known = {
            "{credentials}": str(self.stack.credentials),
            "{tasks_admin}": str(self._tasks_admin),
        }
        for name, value in known.items():
            argument = argument.replace(name, value)
        return argument


def write_service_account(stack: Stack) -> None:
    """A key of the real shape, made anew at each start: Google's libraries insist on one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    account = {
        "type": "service_account",
        "project_id": stack.project,
        "private_key_id": "local",
        "private_key": pem.decode(),
        "client_email": stack.account_of("functions"),
        "client_id": "0",
        "token_uri": stack.token_url,
    }
    stack.folder.mkdir(parents=True, exist_ok=True)
    stack.credentials.touch(mode=0o600)
    stack.credentials.write_text(json.dumps(account, indent=2))


def answers(address: str) -> bool:
    """Whether an HTTP server answers at ``host:port``; one that listens may still be loading."""
    if not listens(address):
        return False
    with contextlib.suppress(httpx.TransportError), httpx.Client(trust_env=False) as client:
        return client.get(f"http://{address}/").is_success
    return False


def listens_at(address: str) -> bool:
    """Whether anybody listens at a base URL or ``host:port``."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return listens(f"{parts.hostname}:{port}")


def seed(stack: Stack, devices: int) -> Stack:
    """The stack with people, domains and devices in it."""
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
) -> Iterator[Stack]:
    """A stack for tests and benchmarks, apart from any that runs: its file is a temporary one."""
    plan = Plan(project, region, devices, seed, journey, source, tick_seconds, ports, say)
    with ExitStack() as end:
        if stack_file is None:
            folder = end.enter_context(tempfile.TemporaryDirectory(prefix="fanfare-"))
            stack_file = Path(folder, STACK_FILE.name)
        stack, _ = end.enter_context(started(plan, stack_file))
        yield stack


# -- the command line ------------------------------------------------------------------------------


def up(plan: Plan, stack_file: Path, *, stay: bool) -> int:
    """Run until a signal, or until the journey is made. The process's exit code."""
    is_up = False
    _interrupt_on_signals()
    try:
        with started(plan, stack_file) as (stack, starter):
            is_up = True
            print(f"\n{stack.table()}\n")
            if stay:
                print("Up. Ctrl-C, or `python -m local.stack down`, ends it all.")
            while stay:
                time.sleep(0.5)
                starter.check()
    except KeyboardInterrupt:
        print("\nEnded.")
        return 0 if is_up else 130
    print("Ended.")
    return 0


def _interrupt_on_signals() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(*_: object) -> None:
        for number in numbers:  # nothing disturbs the ending, which takes seconds at most
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, interrupt)


def down(stack_file: Path) -> int:
    """End the running stack."""
    pid = holder(stack_file)
    if pid is None:
        stack_file.unlink(missing_ok=True)
        print("No stack is running.")
        return 0
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + DOWN_SECONDS
        while time.monotonic() < deadline:
            if holder(stack_file) != pid:
                stack_file.unlink(missing_ok=True)
                print(f"Ended (pid {pid}).")
                return 0
            time.sleep(0.1)
    raise StackError(f"The stack with pid {pid} does not end.")


def status(stack_file: Path) -> int:
    """Show the running stack; exit code 1 when there is none, or a part of it is silent."""
    pid = holder(stack_file)
    if pid is None:
        print("No stack is running.")
        return 1
    if not stack_file.exists():
        print(f"A stack is starting (pid {pid}).")
        return 1
    stack = Stack.load(stack_file)
    print(stack.table())
    silent = [name for name in SERVICES if not listens_at(getattr(stack, name))]
    print(f"\nSilent: {', '.join(silent)}" if silent else f"\nAll answer (pid {pid}).")
    return 1 if silent else 0


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.stack",
        description="Fanfare on this machine: Firestore, Cloud Tasks, sign-in, FCM, all functions.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="up | down | status")
    start = actions.add_parser(
        "up",
        help="start it all and stay until Ctrl-C",
        description="Start everything, seed it, and send one notification all the way through it.",
        epilog="A service that runs already is used, not started, when the environment names it: "
        "FIRESTORE_EMULATOR_HOST, FIREBASE_AUTH_EMULATOR_HOST, CLOUD_TASKS_BASE_URL, FCM_BASE_URL "
        "(and GOOGLE_OAUTH_TOKEN_URL).",
    )
    stop = actions.add_parser("down", help="end the running stack")
    show = actions.add_parser("status", help="show its addresses, and whether they answer")
    _arguments_of_up(start)
    for action in (start, stop, show):
        action.add_argument(
            "--stack-file",
            type=Path,
            default=STACK_FILE,
            metavar="FILE",
            help="tells stacks on one machine apart (.local/stack.json)",
        )
    return parser


def _arguments_of_up(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--devices", type=int, default=2000, metavar="N", help="devices to seed (%(default)s)")
    add(
        "--project",
        default=PROJECT,
        metavar="ID",
        help="one that begins with demo- can be nobody's real project (%(default)s)",
    )
    add("--region", default=REGION, help="where functions and queues are (%(default)s)")
    add("--no-seed", action="store_true", help="start empty; there is no journey either")
    add("--no-journey", action="store_true", help="send no first notification")
    add("--exit-after-journey", action="store_true", help="end when it has been delivered")
    add(
        "--tick-seconds",
        type=float,
        default=float(os.environ.get("TICK_SECONDS", "10")),
        metavar="S",
        help="how often to call tick, 0 is never (env TICK_SECONDS, %(default)s)",
    )
    add(
        "--source",
        type=Path,
        default=SOURCE,
        metavar="FILE",
        help="the file with DOORS (functions/main.py)",
    )
    for name in SERVICES:
        add(f"--{name}-port", type=int, metavar="N", help="a free one unless given")


def main() -> int:
    """The process's exit code."""
    asked = arguments().parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # progress is of use while it happens
    stack_file = asked.stack_file.resolve()
    try:
        if asked.action == "down":
            return down(stack_file)
        if asked.action == "status":
            return status(stack_file)
        ports = {name: getattr(asked, f"{name}_port") for name in SERVICES}
        plan = Plan(
            asked.project,
            asked.region,
            asked.devices,
            seed=not asked.no_seed,
            journey=not (asked.no_seed or asked.no_journey),
            source=asked.source.resolve(),
            tick_seconds=asked.tick_seconds,
            ports={name: port for name, port in ports.items() if port},
        )
        return up(plan, stack_file, stay=not asked.exit_after_journey)
    except (StackError, ChildFailed, EmulatorMissing, BadRules) as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    # The importable module, so that seed and journey meet the same classes.
    from local.stack import main as canonical_main

    sys.exit(canonical_main())
