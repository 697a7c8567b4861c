"""One large file whose length and SHA-256 are known, fetched over a connection that may break.

What has arrived is kept in a ``.part`` file and asked for no second time, by the next run neither;
only a whole file with the right SHA-256 is moved to its place. One process fetches and others wait:
the lock is on the folder itself, which leaves no file behind and goes with its holder.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 60.0
"""The longest pause between two pieces; after it the connection counts as broken."""
TRIES = 5
"""Attempts in a row that bring nothing, after something had arrived."""
WAIT_SECONDS = 0.5
LINE_SECONDS = 5.0
"""How often a line is written where no terminal can show a bar."""
WIDTH = 24
_WORTH_ANOTHER_TRY = {
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_MANY_REQUESTS,
    httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE,
}


class DownloadFailed(RuntimeError):
    """Error for a file that could not be fetched; the words say why, without what to do."""


class NoRoom(DownloadFailed):
    """Error for a folder that cannot hold the file."""


class _Broken(Exception):
    """An answer that ended, or began, otherwise than it should have: another may not."""


class Output(Protocol):
    """Stream that progress is written to."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def isatty(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class FileToFetch:
    """File to fetch, and where it is to be."""

    url: str
    size: int
    sha256: str
    to: Path

    @property
    def shown_url(self) -> str:
        """The address without a password."""
        try:
            return str(httpx.URL(self.url).copy_with(userinfo=b""))
        except httpx.InvalidURL:
            return self.url

    def fault(self, path: Path) -> str | None:
        """Say what is wrong with a file that should be this one; None if it is."""
        if (size := path.stat().st_size) != self.size:
            return f"{size:,} bytes instead of {self.size:,}"
        if (sha256 := sha256_of(path)) != self.sha256:
            return f"SHA-256 {sha256} instead of {self.sha256}"
        return None


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Progress:
    """Progress of one download: a bar on a terminal, else a line every few seconds."""

    def __init__(
        self,
        name: str,
        size: int,
        out: Output | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._size = name, size
        self._out = out or sys.stdout
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._next = 0.0
        self._drawn = 0

    def at(self, done: int) -> None:
        """Show how much has arrived, unless that was shown a moment ago."""
        now = self._clock()
        if self._began is None:
            self._began = now, done
        elif now < self._next and done < self._size:
            return
        on_terminal = self._out.isatty()
        self._next = now + (0.1 if on_terminal else LINE_SECONDS)
        bar = self._bar(done) if on_terminal else ""
        line = f"  {self._name}  {bar}{self._progress_text(done, now)}"
        if on_terminal:
            self._write("\r" + line.ljust(self._drawn))
            self._drawn = len(line)
        else:
            self._write(f"{line}\n")

    def say(self, sentence: str) -> None:
        """Write a line of its own."""
        self._write("\n" * bool(self._drawn) + f"{sentence}\n")
        self._drawn = 0

    def end(self) -> None:
        """Leave the bar as it is."""
        if self._drawn:
            self._write("\n")
            self._drawn = 0

    def _bar(self, done: int) -> str:
        full = WIDTH * done // self._size
        return f"[{'#' * full}{'.' * (WIDTH - full)}] "

    def _progress_text(self, done: int, now: float) -> str:
        text = f"{done / self._size:4.0%}  {done / 1e6:,.1f} of {self._size / 1e6:,.1f} MB"
        since, before = self._began or (now, done)
        if now <= since or done <= before:
            return text
        rate = (done - before) / (now - since)
        text += f"  {rate / 1e6:,.1f} MB/s"
        return text if done >= self._size else f"{text}  {(self._size - done) / rate:,.0f} s left"

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


@contextlib.contextmanager
def only_one(
    folder: Path, doing: str, say: Callable[[str], object], meanwhile: Callable[[], object]
) -> Iterator[None]:
    """Hold the lock on a folder; while another process holds it, say so once, and wait."""
    handle = os.open(folder, os.O_RDONLY)
    has_said = False
    try:
        while not _locked(handle):
            if not has_said:
                say(f"Another process is {doing}: waiting for it.")
            has_said = True
            meanwhile()
            time.sleep(WAIT_SECONDS)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Download:
    """Fetching of one file into its folder."""

    def __init__(
        self,
        file: FileToFetch,
        *,
        progress: Progress | None = None,
        pause: Callable[[float], None] = time.sleep,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._file, self._pause, self._free = file, pause, free
        self._progress = progress or Progress(file.to.name, file.size)
        # Not under the name of the file: the Firebase CLI tidies its cache by what names contain.
        part = f"fanfare-{file.sha256[:12]}.part"
        self._part = file.to.with_name(part)
        self._bytes, self._is_joined = 0, False
        self._etag = file.to.with_name(f"{part}.etag")

    def run(self) -> Path:
        """Return the path of the whole file, fetched here or by another process meanwhile."""
        folder = self._file.to.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fetching = f"fetching {self._file.to.name}"
            with only_one(folder, fetching, self._progress.say, self._show_another):
                if not self._is_there():
                    self._fetch()
        except OSError as fault:
            raise NoRoom(f"{folder} cannot hold it ({fault.strerror or fault})") from fault
        finally:
            self._progress.end()
        return self._file.to

    def _show_another(self) -> None:
        if arrived := self._arrived():
            self._progress.at(arrived)

    def _is_there(self) -> bool:
        return self._file.to.is_file() and self._file.fault(self._file.to) is None

    def _fetch(self) -> None:
        if self._arrived() > self._file.size:
            self._discard()
        try:
            fault = self._received()
        except OSError:  # what filled the disk is not left on it
            with contextlib.suppress(OSError):
                self._discard()
            raise
        if fault:
            self._discard()
            raise DownloadFailed(f"{self._file.shown_url} has {fault}")
        self._part.chmod(0o644)
        self._part.replace(self._file.to)
        self._etag.unlink(missing_ok=True)

    def _received(self) -> str | None:
        """Receive what is missing; say what is wrong with the whole."""
        if before := self._arrived():
            self._progress.say(f"{before / 1e6:,.1f} MB of it are here from an earlier run.")
        self._is_joined = bool(before)
        self._receive()
        fault = self._file.fault(self._part)
        if fault and self._is_joined:
            self._progress.say("Its parts do not belong together: fetching all of it anew.")
            self._discard()
            self._receive()
            fault = self._file.fault(self._part)
        return fault

    def _receive(self) -> None:
        """Ask for what is missing, over as many connections as it takes."""
        self._require_room()
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        try:
            client = httpx.Client(follow_redirects=True, timeout=timeout)
        except (ValueError, ImportError, OSError) as fault:
            raise DownloadFailed(
                f"the proxy or the certificates of the environment cannot be used: {fault}"
            ) from fault
        fruitless = 0
        self._progress.at(self._arrived())
        with client:
            while self._arrived() < self._file.size:
                before = self._bytes
                try:
                    self._ask(client)
                except (httpx.TransportError, _Broken) as broke:
                    fruitless = 0 if self._bytes > before else fruitless + 1
                    is_away = not self._bytes and isinstance(broke, httpx.TransportError)
                    why = str(broke) or type(broke).__name__
                    if is_away or fruitless >= TRIES:
                        raise DownloadFailed(f"{self._file.shown_url}: {why}") from broke
                    self._progress.say(f"The connection broke ({why}): going on from where it was.")
                    self._pause(2.0**fruitless - 1)
                except (httpx.InvalidURL, httpx.HTTPError) as fault:
                    raise DownloadFailed(f"{self._file.shown_url}: {fault}") from fault

    def _require_room(self) -> None:
        missing = self._file.size - self._arrived()
        folder = self._file.to.parent
        if (free := self._free(folder)) < missing:
            raise NoRoom(
                f"{folder} has {free / 1e6:,.1f} MB free, and {missing / 1e6:,.1f} MB are missing"
            )

    def _ask(self, client: httpx.Client) -> None:
        """Send one request, and append what it brings."""
        arrived = self._arrived()
        headers = {"Accept-Encoding": "identity"}
        if arrived:
            headers["Range"] = f"bytes={arrived}-"
            if self._etag.is_file():
                headers["If-Range"] = self._etag.read_text()
        with client.stream("GET", self._file.url, headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._discard()
            if answer.status_code in _WORTH_ANOTHER_TRY or answer.is_server_error:
                raise _Broken(_status(answer))
            if not answer.is_success:
                raise DownloadFailed(f"{self._file.shown_url} answers {_status(answer)}")
            self._require_identity(answer)
            if not _continues(answer, arrived):
                self._discard()
                self._note_etag(answer)
            elif arrived:
                self._is_joined = True
            self._append(answer)
        if self._arrived() < self._file.size:
            raise _Broken("it ended early")

    def _require_identity(self, answer: httpx.Response) -> None:
        """Refuse what is another file, before its bytes are fetched."""
        says = answer.headers.get("Content-Range", "").rpartition("/")[2]
        if answer.status_code == httpx.codes.OK:
            says = answer.headers.get("Content-Length", "")
        if says.isdecimal() and int(says) != self._file.size:
            raise DownloadFailed(
                f"{self._file.shown_url} has {int(says):,} bytes instead of {self._file.size:,}"
            )

    def _note_etag(self, answer: httpx.Response) -> None:
        etag = answer.headers.get("ETag", "")
        if etag.startswith('"'):  # a weak one says nothing of bytes
            self._etag.write_text(etag)

    def _append(self, answer: httpx.Response) -> None:
        with self._part.open("ab") as part:
            arrived = part.tell()
            for piece in answer.iter_raw():
                arrived += len(piece)
                if arrived > self._file.size:
                    break
                part.write(piece)
                self._bytes += len(piece)
                self._progress.at(arrived)
        if arrived > self._file.size:
            self._discard()
            raise DownloadFailed(
                f"{self._file.shown_url} has more than the {self._file.size:,} bytes it should"
            )

    def _arrived(self) -> int:
        try:
            return self._part.stat().st_size
        except FileNotFoundError:
            return 0

    def _discard(self) -> None:
        for file in (self._part, self._etag):
            file.unlink(missing_ok=True)


def _continues(answer: httpx.Response, arrived: int) -> bool:
    """Tell whether an answer begins where we are, rather than at the beginning."""
    if answer.status_code != httpx.codes.PARTIAL_CONTENT:
        return False
    if not answer.headers.get("Content-Range", "").startswith(f"bytes {arrived}-"):
        raise _Broken("it sent another part than the one asked for")
    return True


def _status(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.reason_phrase}".strip()
