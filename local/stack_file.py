"""A running stack: the file with all its addresses, and the lock beside it.

Whether a stack runs is asked of a file lock and not of the pid in its file: the lock goes with its
holder, while a pid may by now be another process's.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self, TextIO

from local import telegram_setup
from local.emulators.service_account import SERVICE_ACCOUNT
from local.loopback import past_proxies
from local.push_services import FCM, PUSH_SERVICES

ROOT = Path(__file__).parents[1]
STACK_FILE = ROOT / ".local" / "stack.json"


DOWN = ".venv/bin/python -m local.stack down"


class StackError(RuntimeError):
    """Error for a stack that cannot be started, found or ended; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """User who can sign in."""

    uid: str
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class Stack:
    """Addresses of everything; of push services by their names in the file, where they stand
    beside the others. ``folder`` holds the logs and the service account's key.
    """

    project: str
    region: str
    gateway: str
    functions: str
    firestore: str
    auth: str
    tasks: str
    tasksAdmin: str  # noqa: N815 - as in stack.json
    push: Mapping[str, str]
    pid: int
    folder: Path
    accounts: tuple[Account, ...] = ()
    telegram: str = ""
    panel: str = ""
    web: str = ""

    @classmethod
    def load(cls, path: Path = STACK_FILE) -> Self:
        """Read the stack from its file."""
        try:
            document = json.loads(path.read_text())
            values = {it.name: document[it.name] for it in fields(cls) if it.name in document}
            accounts = tuple(Account(**account) for account in document.get("accounts", ()))
            names = [name for each in PUSH_SERVICES for name in (each.name, each.admin)]
            push = {name: document[name] for name in names if name in document}
            push[FCM.name] = document[FCM.name]
            more = {"accounts": accounts, "push": push, "folder": folder_of(path)}
            return cls(**values | more)
        except FileNotFoundError:
            raise _none_runs(f"{_short(path)} is missing") from None
        except (OSError, LookupError, ValueError, TypeError, AttributeError):
            raise StackError(
                f"{_short(path)} cannot be read as the file of a stack: end the stack with "
                f"`{DOWN}`, which removes it, and start another."
            ) from None

    def save(self, path: Path) -> None:
        """Write the file at once, so that nobody reads half of it."""
        document: dict[str, object] = {}
        for name, value in asdict(self).items():
            document |= value if name == "push" else {name: value}
        del document["folder"]
        document = {name: value for name, value in document.items() if value != ""}
        draft = path.with_suffix(f".{self.pid}.tmp")
        draft.write_text(json.dumps(document, indent=2) + "\n")
        draft.replace(path)

    @property
    def addresses(self) -> dict[str, str]:
        """Addresses of all parts, in the order in which people see them."""
        return {
            "gateway": self.gateway,
            "functions": self.functions,
            "firestore": self.firestore,
            "auth": self.auth,
            "tasks": self.tasks,
            **{it.name: self.push[it.name] for it in PUSH_SERVICES if it.name in self.push},
            "telegram": self.telegram,
            "panel": self.panel,
            "web": self.web,
        }

    @property
    def credentials(self) -> Path:
        """Key of a service account, which opens nothing."""
        return self.folder / SERVICE_ACCOUNT

    @property
    def logs(self) -> Path:
        """Folder with one log per process."""
        return self.folder / "logs"

    @property
    def sites(self) -> Path:
        """File with the addresses of the web's sites that the functions see; they see no others."""
        return self.folder.resolve() / "sites.json"

    @property
    def archive(self) -> Path:
        """Folder of the archive, unless FANFARE_ARCHIVE names another place."""
        return self.folder.resolve() / "archive"

    @property
    def fcm(self) -> str:
        """Address of FCM's emulator."""
        return self.push[FCM.name]

    @property
    def token_url(self) -> str:
        """Address where the service account's key is exchanged for access tokens."""
        return FCM.environment(self.push, self.folder)[FCM.goes_with]

    def account_of(self, role: str) -> str:
        """Return the e-mail address of the account that a Google service uses for its calls."""
        return f"fanfare-{role}@{self.project}.iam.gserviceaccount.com"

    def environment(self) -> dict[str, str]:
        """Build the environment of the functions, and of clients of this stack."""
        return {
            "GOOGLE_CLOUD_PROJECT": self.project,
            "FIRESTORE_EMULATOR_HOST": self.firestore,
            "FIREBASE_AUTH_EMULATOR_HOST": self.auth,
            "CLOUD_TASKS_BASE_URL": self.tasks,
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.credentials),
            **self._of_push_services(),
            **(telegram_setup.environment(self.telegram) if self.telegram else {}),
            **({"FANFARE_LOCAL_WEB": self._of_web()} if self.web else {}),
            "FANFARE_ARCHIVE": os.environ.get("FANFARE_ARCHIVE") or self.archive.as_uri(),
            "FANFARE_REGION": self.region,
            "FANFARE_FUNCTIONS_URL": self.functions,
            "FANFARE_TASKS_ACCOUNT": self.account_of("tasks"),
            "FANFARE_EVENTS_ACCOUNT": self.account_of("events"),
            "FANFARE_SCHEDULER_ACCOUNT": self.account_of("scheduler"),
            **past_proxies(os.environ),
        }

    def _of_push_services(self) -> dict[str, str]:
        variables: dict[str, str] = {}
        for service in PUSH_SERVICES:
            if service.name in self.push:
                variables |= service.environment(self.push, self.folder)
        return variables

    def _of_web(self) -> str:
        return os.environ.get("FANFARE_LOCAL_WEB") or str(self.sites)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let Google's clients in this process use the stack, as functions do, within the ``with``
        block.

        Some read nothing but ``os.environ``, and would call the real service without it.
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
        """Format all addresses, aligned."""
        rows = [*self.addresses.items(), ("logs", _short(self.logs))]
        rows += [(account.role, f"{account.email}  ({account.uid})") for account in self.accounts]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"  {name:{width}}  {value}" for name, value in rows if value)


def folder_of(stack_file: Path) -> Path:
    """Return the folder of a stack's logs and key: apart from those of any other stack."""
    own = stack_file.name != STACK_FILE.name
    return stack_file.with_suffix("") if own else stack_file.parent


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def running(stack_file: Path = STACK_FILE) -> Stack:
    """Load the running stack of this file; one that was killed leaves its file behind."""
    if stack_file.exists() and holder(stack_file) is None:
        raise _none_runs(f"{_short(stack_file)} was left behind")
    return Stack.load(stack_file)


def _none_runs(why: str) -> StackError:
    return StackError(f"No stack is running ({why}): `make run` starts one.")


def _lock(stack_file: Path) -> TextIO:
    try:
        stack_file.parent.mkdir(parents=True, exist_ok=True)
        return stack_file.with_suffix(".lock").open("a+")
    except OSError as fault:
        raise StackError(
            f"{_short(stack_file.parent)} cannot be written ({fault.strerror}): a stack keeps its "
            "addresses, keys and logs there. Make it writable, or name another place with "
            "--stack-file."
        ) from None


@contextmanager
def claimed(stack_file: Path) -> Iterator[None]:
    """Hold the file's lock; refuse when a living stack does."""
    with _lock(stack_file) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StackError(
                f"A stack is running already (pid {lock.read()}, {_short(stack_file)}): end it with"
                f" `{DOWN}`, or give this one its own --stack-file."
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
    """Return the pid of the running stack of this file."""
    try:
        with stack_file.with_suffix(".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return int(stack_file.with_suffix(".lock").read_text())
    return None
