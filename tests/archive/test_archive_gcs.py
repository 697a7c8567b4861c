"""Cloud Storage on the wire: what passes, what an operator must mend, and who we are."""

from collections.abc import Iterator

import pytest

from shared.adapters.archive.gcs import GcsArchive
from shared.adapters.archive.places import archive_at
from shared.domain.errors import TryAgain
from shared.ports import ArchiveFault, Put
from shared.settings import read
from tests.archive.parts import N1, World
from tests.archive.wire import CloudStorage

Played = tuple[CloudStorage, str]


@pytest.fixture
def gcs(storage: Played) -> Iterator[GcsArchive]:
    archive = GcsArchive("archive", "prod/", storage[1])
    yield archive
    archive.close()


@pytest.mark.parametrize("happens", ["503", "429", "cut", "cut midway", "cut after"])
def test_a_fault_that_passes_is_waited_out(storage: Played, gcs: GcsArchive, happens: str) -> None:
    storage[0].faults = [(happens, "POST")]
    came = gcs.put_new("a", b"content")
    assert came is (Put.ALREADY_THERE if happens == "cut after" else Put.WRITTEN)
    assert gcs.get("a") == b"content"


@pytest.mark.parametrize("happens", ["503", "429", "cut", "cut midway"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_fault_that_stays_is_told_as_one_that_passes(
    storage: Played, gcs: GcsArchive, happens: str, method: str
) -> None:
    assert gcs.put_new("b", b"content" * 9_999) is Put.WRITTEN
    storage[0].faults = [(happens, method)] * 9
    with pytest.raises(TryAgain):
        gcs.put_new("a", b"content") if method == "POST" else gcs.get("b")
    storage[0].faults = []
    assert gcs.put_new("a", b"content") is Put.WRITTEN
    assert gcs.get("b") == b"content" * 9_999


def test_an_export_through_bad_weather_is_exact(storage: Played, gcs: GcsArchive) -> None:
    world = World(archive=gcs)
    world.ended(N1, devices=45, size=1)
    storage[0].faults = [(each, "POST") for each in ("cut after", "503", "cut", "cut") * 3]
    for _ in range(9):
        try:
            world.export(N1)
        except TryAgain:
            continue
        break
    world.next_day()
    world.close_day()
    report = world.verify(deep=True)
    assert (report.wrong, report.objects) == ([], 5)


def test_who_may_only_create_learns_that_an_object_is_there_already(
    storage: Played, gcs: GcsArchive
) -> None:
    storage[0].rights_first = True
    assert gcs.put_new("a", b"first") is Put.WRITTEN
    assert gcs.put_new("a", b"second") is Put.ALREADY_THERE
    assert gcs.get("a") == b"first"


def test_a_bucket_that_is_not_there_is_told_with_its_remedy(storage: Played) -> None:
    archive = GcsArchive("nowhere", "", storage[1])
    calls = (
        lambda: archive.put_new("a", b""),
        lambda: archive.get("a"),
        lambda: list(archive.names()),
    )
    for call in calls:
        with pytest.raises(ArchiveFault, match="no bucket nowhere") as told:
            call()
        assert (told.value.code, "Create it" in told.value.remedy) == ("missing", True)
    archive.close()


def test_a_right_that_is_missing_is_told_with_its_remedy(storage: Played, gcs: GcsArchive) -> None:
    storage[0].denied = True
    with pytest.raises(ArchiveFault, match="does not let us") as told:
        gcs.put_new("a", b"")
    assert told.value.code == "denied"


class Tokens:
    """The first token has been revoked."""

    def __init__(self) -> None:
        self.forgotten = 0

    def token(self) -> str:
        return "owner" if self.forgotten else "revoked"

    def forget(self) -> None:
        self.forgotten += 1


def test_a_token_that_is_refused_is_replaced(storage: Played) -> None:
    tokens = Tokens()
    archive = GcsArchive("archive", "", storage[1], tokens)
    assert archive.put_new("a", b"") is Put.WRITTEN
    assert tokens.forgotten == 1
    archive.close()


def test_an_account_that_is_never_accepted_is_told_with_its_remedy(storage: Played) -> None:
    class Revoked(Tokens):
        def token(self) -> str:
            return "revoked"

    archive = GcsArchive("archive", "", storage[1], Revoked())
    with pytest.raises(ArchiveFault, match="does not accept who we say we are") as told:
        archive.put_new("a", b"")
    assert (told.value.code, "enabled" in told.value.remedy) == ("identityRefused", True)
    archive.close()


def test_the_address_says_bucket_and_folder(storage: Played) -> None:
    settings = read({"GOOGLE_CLOUD_PROJECT": "demo-a", "STORAGE_EMULATOR_HOST": storage[1]})
    archive = archive_at("gs://archive/some/folder", settings)
    assert isinstance(archive, GcsArchive)
    archive.put_new("a/b=c d", b"1")
    assert storage[0].buckets["archive"] == {"some/folder/a/b=c d": b"1"}
    assert archive.get("a/b=c d") == b"1"
    archive.close()
