"""Every kind of archive: written once, whole or not at all, and read as it was written."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from shared.ports import Archive, Put
from tests.archive.parts import N1, N2, World
from tests.flow.hazard import Blow, Crash

NAME = "kind=outcomes/provider=p%2F1/dt=2026-01-01/n1-00001-0123456789abcdef.ndjson.gz"


def test_what_was_written_is_read(archive: Archive) -> None:
    assert archive.put_new(NAME, b"\x00one\n") is Put.WRITTEN
    assert archive.get(NAME) == b"\x00one\n"


def test_what_is_not_there_is_nothing(archive: Archive) -> None:
    assert archive.get(NAME) is None
    assert list(archive.names()) == []


def test_the_second_does_not_replace_the_first(archive: Archive) -> None:
    archive.put_new(NAME, b"first")
    assert archive.put_new(NAME, b"second") is Put.ALREADY_THERE
    assert archive.get(NAME) == b"first"


def test_of_many_at_once_one_writes(archive: Archive) -> None:
    contents = [bytes([n]) * 1000 for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        came = list(pool.map(lambda content: archive.put_new(NAME, content), contents))
    assert came.count(Put.WRITTEN) == 1
    assert archive.get(NAME) == contents[came.index(Put.WRITTEN)]


def test_names_come_in_order_and_by_their_beginning(archive: Archive) -> None:
    for name in ("a/2", "a/1", "b/1", "a=1/x", "ab/1"):
        archive.put_new(name, b"")
    assert list(archive.names()) == ["a/1", "a/2", "a=1/x", "ab/1", "b/1"]
    assert list(archive.names("a/")) == ["a/1", "a/2"]
    assert list(archive.names("a/2")) == ["a/2"]
    assert list(archive.names("c/")) == []


def test_a_large_object_is_whole(archive: Archive) -> None:
    content = bytes(range(256)) * 20_000
    archive.put_new(NAME, content)
    assert archive.get(NAME) == content


def test_a_whole_export_and_its_verification(archive: Archive) -> None:
    world = World(archive=archive)
    world.clock.set(datetime.now(UTC))
    world.archived(N1, N2, devices=1_200)
    report = world.verify(deep=True)
    assert (report.wrong, report.manifests, report.objects) == ([], 1, 6)


def test_a_process_that_dies_between_an_object_and_its_note_leaves_no_second_one(
    archive: Archive,
) -> None:
    world = World(archive=archive)
    world.clock.set(datetime.now(UTC))
    world.ended(N1, devices=45, size=1)
    for _ in range(3):  # one object is noted, and the next one is not
        world.hazard.strike_at("exports.write", Blow.BEFORE, nth=2)
        with pytest.raises(Crash):
            world.export()
    world.export()
    world.next_day()
    world.close_day()
    report = world.verify(deep=True)
    assert (report.wrong, report.objects, report.waiting) == ([], 5, 0)


@pytest.mark.parametrize("name", ["x", "kind=outcomes/" + "y" * 200])
def test_names_of_any_ordinary_length(archive: Archive, name: str) -> None:
    assert archive.put_new(name, b"1") is Put.WRITTEN
    assert list(archive.names()) == [name]
