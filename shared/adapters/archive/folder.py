"""The archive in a folder: for the local stack, and for a copy that is verified on another machine.

An object is written under a name that is never listed, flushed, and then linked to its own: a link
is made whole or not at all, and never over another. What a killed run leaves behind is never taken
for an object; nor is a symbolic link, whose content may be changed by somebody who cannot write
here, nor a pipe or device, whose content may never end.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from shared.domain.errors import TryAgain
from shared.ports import ArchiveFault, Put

UNFINISHED = ".part"
_PASSING = {errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.ETIMEDOUT, errno.ESTALE}
_REMEDIES = {
    errno.EACCES: ("denied", "Give this process the right to write there."),
    errno.EPERM: ("denied", "Give this process the right to write there."),
    errno.EROFS: ("denied", "Mount it writable, or name another folder in FANFARE_ARCHIVE."),
    errno.ENOSPC: ("full", "Make room, or name another folder in FANFARE_ARCHIVE."),
    errno.EDQUOT: ("full", "Make room, or name another folder in FANFARE_ARCHIVE."),
    errno.ENOTDIR: ("missing", "FANFARE_ARCHIVE must name a folder."),
    errno.ENOENT: ("missing", "FANFARE_ARCHIVE must name a folder that is there to stay."),
}


class FolderArchive:
    """An archive below ``root``, which is created when it is first written to."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put_new(self, name: str, content: bytes) -> Put:
        path = self._path(name)
        if link := self._link_in(path):
            raise ArchiveFault(
                "damagedObject",
                f"{link.relative_to(self._root).as_posix()} in the archive is a symbolic link",
                "Find out who made it; move it out of the archive, and the export goes on.",
            )
        draft = path.with_name(f".{secrets.token_hex(8)}{UNFINISHED}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _flushed(draft, content)
                os.link(draft, path)
            finally:
                draft.unlink(missing_ok=True)
            _flush_folder(path.parent)
        except FileExistsError:
            return Put.ALREADY_THERE
        except OSError as fault:
            raise fault_of(fault, self._root) from fault
        return Put.WRITTEN

    def get(self, name: str) -> bytes | None:
        path = self._path(name)
        try:
            if self._link_in(path) or (path.exists() and not path.is_file()):
                return None
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise fault_of(fault, self._root) from fault

    def names(self, prefix: str = "") -> Iterator[str]:
        begin = self._path(prefix.rpartition("/")[0])
        found = (path for path in begin.rglob("*") if path.is_symlink() or not path.is_dir())
        kept = (path for path in found if not _is_unfinished(path))
        names = (path.relative_to(self._root).as_posix() for path in kept)
        return iter(sorted(name for name in names if name.startswith(prefix)))

    def _path(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if ".." in parts or "/" in parts:
            raise ValueError(f"not a name in the archive: {name}")
        return self._root / name

    def _link_in(self, path: Path) -> Path | None:
        """Find the symbolic link that ``path`` is, or leads through below the root."""
        below = (it for it in (path, *path.parents) if it != self._root)
        return next((it for it in below if it.is_relative_to(self._root) and it.is_symlink()), None)


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(".") and path.suffix == UNFINISHED


def _flushed(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Flush the folder: else a loss of power may take the name, though the content is there."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fault_of(fault: OSError, root: Path) -> Exception:
    """Convert what the system says to an error of this project."""
    number = fault.errno or 0
    what = f"the archive's folder {root} cannot be used: {fault.strerror or fault}"
    if number in _PASSING:
        return TryAgain(what)
    code, remedy = _REMEDIES.get(number, ("broken", "Look at its disk."))
    return ArchiveFault(code, what, remedy)
