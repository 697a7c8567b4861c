"""What this computer keeps: its hwid and secret, and which notifications it has shown.

One file for each server and hwid, which nobody but its user may read. Whoever has the secret is
the device. The hwid is made up and not the machine's: a lost file then costs a new registration,
where the machine's own number would be refused for 90 days; and it tells nobody which machine this
is.
"""

import hashlib
import json
import os
import secrets
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, TextIO

MOST_SHOWN: Final = 100
"""Ids remembered. A slot holds one notification, so the last would do but for clocks set back."""
ONLY_MINE: Final = 0o600


class KeptError(Exception):
    """Error for a file that cannot be read, written or had for oneself; the sentence says which."""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """Content of the file. ``known``: the server has answered a registration."""

    hwid: str
    secret: str
    domains: tuple[str, ...] = ()
    known: bool = False
    shown: tuple[str, ...] = ()

    def after(self, id: str) -> "DeviceState":
        """Add a notification that was shown."""
        return replace(self, shown=(*self.shown, id)[-MOST_SHOWN:])


class DeviceFile:
    """The file of one device at one server."""

    def __init__(self, folder: Path, gateway: str, hwid: str) -> None:
        name = hashlib.sha256(f"{gateway}\n{hwid}".encode()).hexdigest()[:20]
        self.path, self._hwid = folder / f"{name}.json", hwid

    def read(self) -> DeviceState | None:
        """Return what is kept, if anything."""
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            return _state_from(document)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise KeptError(
                f"{self.path} cannot be read ({fault}): with it go the secret and the hwid; "
                "remove it to register as another device"
            ) from None

    def begun(self) -> DeviceState:
        """Return what is kept, or begin: with a hwid, if none was given, and a secret."""
        state = self.read()
        if state is None:
            hwid = self._hwid or f"desktop-{uuid.uuid4()}"
            state = DeviceState(hwid, secrets.token_urlsafe(32))
            self.write(state)
        return state

    def write(self, state: DeviceState) -> None:
        """Write all of it at once, so that a crash leaves the old or the new."""
        draft = self.path.with_suffix(".tmp")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, ONLY_MINE)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(state), file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as fault:
            raise KeptError(f"{self.path} cannot be written ({fault.strerror})") from None

    def forget(self) -> None:
        """Remove the file, and what lies beside it under its name."""
        with suppress(OSError):
            for each in self.path.parent.glob(f"{self.path.stem}.*"):
                each.unlink()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the device for oneself: two listeners would show everything twice."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self.path.with_suffix(".lock").open("a+", encoding="utf-8")
        except OSError as fault:
            raise KeptError(f"{self.path.parent} cannot be written ({fault.strerror})") from None
        with lock:
            if not _locked(lock):
                raise KeptError("this computer is listening already, in another process")
            yield


def folder(platform: str, environ: Mapping[str, str], home: Path) -> Path:
    """Return where a user's programs keep such files on this system."""
    if platform == "win32":
        return Path(environ.get("APPDATA") or home / "AppData" / "Roaming", "Fanfare", "devices")
    if platform == "darwin":
        return home / "Library" / "Application Support" / "Fanfare" / "devices"
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "fanfare", "devices")


def _state_from(document: Mapping[str, object]) -> DeviceState:
    hwid, secret = document["hwid"], document["secret"]
    if not isinstance(hwid, str) or not isinstance(secret, str) or not hwid or not secret:
        raise ValueError("hwid or secret is missing")
    return DeviceState(
        hwid,
        secret,
        _texts(document["domains"]),
        document["known"] is True,
        _texts(document["shown"]),
    )


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("a list is missing")
    return tuple(map(str, value))


if sys.platform == "win32":
    import msvcrt

    def _locked(file: TextIO) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(file: TextIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
