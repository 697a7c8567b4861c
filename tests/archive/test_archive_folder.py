"""The folder: nothing half-written is ever taken for an object, and faults say what to do."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shared.adapters.archive.folder import UNFINISHED, FolderArchive, fault_of
from shared.domain.archive.life import Life
from shared.domain.errors import TryAgain
from shared.flow.archive.replay import replay
from shared.ports import ArchiveFault, Put
from tests.archive.parts import N1, N2, World

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal, sys
from pathlib import Path
from shared.adapters.archive import folder as archive_folder

def dies(path, content):
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(handle, content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)

archive_folder._flushed = dies
archive_folder.FolderArchive(Path(sys.argv[1])).put_new("kind=outcomes/a", b"x" * 100_000)
"""


def test_what_a_killed_run_left_half_written_is_no_object(tmp_path: Path) -> None:
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False, capture_output=True
    )
    assert died.returncode == -signal.SIGKILL
    (left,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert left.name.endswith(UNFINISHED)
    archive = FolderArchive(tmp_path)
    assert list(archive.names()) == []
    assert archive.get("kind=outcomes/a") is None
    assert archive.put_new("kind=outcomes/a", b"whole") is Put.WRITTEN
    assert list(archive.names()) == ["kind=outcomes/a"]


def test_an_object_cut_short_by_the_disk_stops_the_export_and_is_named(tmp_path: Path) -> None:
    first = World(archive=FolderArchive(tmp_path))
    first.ended(N1)
    first.export(N1)
    (path,) = tmp_path.glob("kind=outcomes/**/*.gz")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:20])
    again = World(archive=FolderArchive(tmp_path))
    again.ended(N1)
    with pytest.raises(ArchiveFault, match="half-written or altered"):
        again.export(N1)
    path.unlink()
    again.export(N1)
    again.next_day()
    again.close_day()
    assert again.codes() == set()


def test_objects_are_not_writable(tmp_path: Path) -> None:
    FolderArchive(tmp_path).put_new("a", b"")
    assert not (tmp_path / "a").stat().st_mode & 0o222


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "archive")
    for name in ("../a", "a/../../b", "/etc/passwd"):
        with pytest.raises(ValueError, match="not a name"):
            archive.get(name)


def test_a_folder_that_is_a_file_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveFault) as told:
        FolderArchive(tmp_path / "file").put_new("a/b", b"")
    assert told.value.code in {"missing", "broken"}
    assert "file" in str(told.value)


@pytest.mark.parametrize(
    ("number", "code", "remedy"),
    [
        (errno.ENOSPC, "full", "Make room"),
        (errno.EROFS, "denied", "Mount it writable"),
        (errno.EACCES, "denied", "right to write"),
        (errno.EIO, "broken", "Look at its disk"),
    ],
)
def test_what_an_operator_must_mend_is_told_with_its_remedy(
    number: int, code: str, remedy: str
) -> None:
    told = fault_of(OSError(number, os.strerror(number)), Path("archive"))
    assert isinstance(told, ArchiveFault)
    assert (told.code, remedy in told.remedy) == (code, True)


def test_a_disk_that_is_busy_is_a_matter_of_trying_again() -> None:
    busy = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    assert isinstance(fault_of(busy, Path("archive")), TryAgain)


def linked(root: Path, pattern: str) -> list[str]:
    """Move objects to another folder, and leave a link to each in its place."""
    elsewhere = root.with_name("elsewhere")
    elsewhere.mkdir()
    found = [path for path in root.rglob(pattern) if path.is_file()]
    for number, path in enumerate(found):
        path.symlink_to(path.rename(elsewhere / str(number)))
    return [path.relative_to(root).as_posix() for path in found]


def test_a_link_is_no_object_and_verify_names_each_and_goes_on(tmp_path: Path) -> None:
    world = World(archive=FolderArchive(tmp_path / "archive")).archived(N1, N2)
    links = linked(tmp_path / "archive", "n1-*")
    report = world.verify()
    assert len(links) == 3
    assert {it.where for it in report.wrong if it.code == "altered"} == set(links)
    assert not any("n2" in it.where for it in report.wrong)


def test_verify_names_a_dangling_link_a_linked_folder_and_one_that_leads_out(
    tmp_path: Path,
) -> None:
    world = World(archive=FolderArchive(tmp_path / "archive")).archived(N1)
    (tmp_path / "archive/dangling").symlink_to("nowhere")
    (tmp_path / "archive/folder").symlink_to(tmp_path)
    (tmp_path / "archive/out").symlink_to("/etc/hostname")
    wrong = [(it.code, it.where) for it in world.verify().wrong]
    assert wrong == [("unknown", "dangling"), ("unknown", "folder"), ("unknown", "out")]


def test_a_pipe_or_a_folder_in_place_of_an_object_is_named_and_nobody_waits_for_it(
    tmp_path: Path,
) -> None:
    world = World(archive=FolderArchive(tmp_path / "archive")).archived(N1)
    outcomes, transitions = (
        next((tmp_path / f"archive/kind={kind}").rglob("n1-*"))
        for kind in ("outcomes", "transitions")
    )
    outcomes.unlink()
    os.mkfifo(outcomes)
    transitions.unlink()
    transitions.mkdir()
    os.mkfifo(tmp_path / "archive/pipe")
    wrong = {it.code: it.where for it in world.verify().wrong}
    assert wrong["altered"] == outcomes.relative_to(tmp_path / "archive").as_posix()
    assert wrong["missing"] == transitions.relative_to(tmp_path / "archive").as_posix()
    assert wrong["unknown"] == "pipe"


def test_a_replay_names_the_link_in_place_of_an_object(tmp_path: Path) -> None:
    World(archive=FolderArchive(tmp_path / "archive")).archived(N1)
    (link,) = linked(tmp_path / "archive", "kind=outcomes/**/*.gz")
    wrong = [it.where for it in replay(N1, FolderArchive(tmp_path / "archive"), Life())]
    assert wrong[0] == link


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    World(archive=FolderArchive(tmp_path / "archive")).archived(N1)
    linked(tmp_path / "archive", "*.gz")
    again = World(archive=FolderArchive(tmp_path / "archive"))
    again.ended(N1)
    with pytest.raises(ArchiveFault, match="is a symbolic link"):
        again.export(N1)
    (tmp_path / "kept").mkdir()
    (tmp_path / "archive/kind=new").symlink_to(tmp_path / "kept")
    with pytest.raises(ArchiveFault, match="kind=new in the archive is a symbolic link"):
        FolderArchive(tmp_path / "archive").put_new("kind=new/a", b"")
    assert list((tmp_path / "kept").iterdir()) == []
