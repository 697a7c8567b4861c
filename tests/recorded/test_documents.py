"""Documents of every age are read as recorded, and a write changes of them what is recorded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from local.firestore import FirestoreEmulator
from tests.recorded.documents import changed, documents, files, readings_of
from tests.recorded.entrances.doors import call, credential, event
from tests.recorded.entrances.running import Database, Fanfare, on_firestore
from tests.recorded.pages import changes, load


@pytest.mark.parametrize("file", files(), ids=lambda it: it.stem)
def test_documents_are_read_as_recorded(file: Path) -> None:
    different = "\n".join(changes(file, readings_of(file)))
    assert not different, f"{different}\nIf it is meant: python -m tests.recorded {file.stem}"


def test_there_is_a_document_of_every_status() -> None:
    found = {entry["fields"]["status"]["stringValue"] for _, entry in _notifications()}
    assert found >= {"draft", "pending", "sending", "approved", "rejected", "cancelled"}
    assert found >= {"failed", "stopped", "scheduled", "active"}


# ---- through the doors, from the database ----------------------------------------------------


@pytest.fixture
def database(firestore_emulator: FirestoreEmulator, project: str) -> Iterator[Database]:
    database = Database(firestore_emulator.address, project)
    yield database
    database.close()


@pytest.fixture
def fanfare(firestore_emulator: FirestoreEmulator, project: str) -> Iterator[Fanfare]:
    with on_firestore(firestore_emulator.address, project, chat=False) as fanfare:
        yield fanfare


@pytest.mark.slow
def test_notifications_in_the_database_are_answered_as_they_are_read(
    database: Database, fanfare: Fanfare
) -> None:
    world = load(Path(__file__).parent / "answers" / "world.json")
    database.put({"providers/p1": world["providers/p1"]})
    for path, entry in _notifications():
        database.put({path: {**entry["fields"], "providerId": {"stringValue": "p1"}}})
        with fanfare.answers_kept():
            answer = _response(
                "provider-api", "GET", f"/v1/notifications/{path.split('/')[1]}", "owner"
            )
        is_whole = "defect" not in entry["read"]
        assert answer.status_code == (200 if is_whole else 500), (path, fanfare.logged())
        said = {k: v for k, v in answer.get_json().items() if v not in (None, [], 0)}
        assert not is_whole or said == {**entry["read"]["api"], "providerId": "p1"}


@pytest.mark.slow
def test_what_others_wrote_of_a_device_is_mended_as_recorded(
    database: Database, fanfare: Fanfare
) -> None:
    recorded = dict(documents("devices"))
    database.put({path: entry["fields"] for path, entry in recorded.items()})
    before = database.all()
    for path in recorded:
        written = event(path, {})
        headers = _bearer("Google", "on-device-written") | written["headers"]
        answer = call("on-device-written", "POST", "/", data=written["data"], headers=headers)
        assert answer.status_code == 200, path
    after = database.all()
    assert after == {
        path: changed(before[path], entry["a write changes"]) for path, entry in recorded.items()
    }


@pytest.mark.slow
def test_a_change_of_nothing_mends_providers_and_domains_as_recorded(
    database: Database, fanfare: Fanfare
) -> None:
    recorded = {**dict(documents("providers")), **dict(documents("domains"))}
    database.put({path: entry["fields"] for path, entry in recorded.items()})
    before = database.all()
    for path in recorded:
        answer = _response("operator-api", "PUT", f"/v1/{path}", "operator", json={})
        assert answer.status_code == 200, (path, answer.text)
    after = database.all()
    assert after == {
        path: changed(before[path], entry["a write changes"]) for path, entry in recorded.items()
    }


def _notifications() -> Iterator[tuple[str, Any]]:
    for path, entry in documents("pendingNotifications"):
        if "status" in entry["fields"]:
            yield path, entry


def _bearer(caller: str, function: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential(caller, function)}"}


def _response(function: str, method: str, path: str, caller: str, **sent: Any) -> TestResponse:
    return call(function, method, path, headers=_bearer(caller, function), **sent)
