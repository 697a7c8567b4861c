"""A desktop reads its own document: signed in once, and its end by the server's clock."""

from urllib.parse import parse_qs

import httpx
import pytest

from cli.desktop.document import OwnDocument, Project
from cli.desktop.door import UNKNOWN, Away, Refused

HWID = "Стол №7"
ENDS = "2026-03-01T19:00:00Z"
BEFORE, AFTER = "Sun, 01 Mar 2026 18:59:59 GMT", "Sun, 01 Mar 2026 19:00:00 GMT"
DOCUMENT = {
    "fields": {
        "pendingNotificationId": {"stringValue": "n1"},
        "pendingNotificationAt": {"timestampValue": "2026-03-01T18:00:00Z"},
        "pendingNotificationTitle": {"stringValue": "Sun"},
        "pendingNotificationExpiresAt": {"timestampValue": ENDS},
        "pendingNotificationForceTimer": {"integerValue": "5"},
    }
}


class Google(httpx.BaseTransport):
    """Sign-in and a database with one document, whose next answers are given."""

    def __init__(self, *documents: httpx.Response) -> None:
        self._documents = list(documents)
        self.requests: list[httpx.Request] = []
        self.refreshes = True

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.endswith(":signInWithCustomToken"):
            return httpx.Response(200, json={"idToken": "id-1", "refreshToken": "refresh-1"})
        if request.url.path == "/v1/token":
            assert parse_qs(request.content.decode())["refresh_token"] == ["refresh-1"]
            renewed = {"id_token": "id-2", "refresh_token": "refresh-2"}
            return httpx.Response(200 if self.refreshes else 400, json=renewed)
        return self._documents.pop(0)


def an_answer(date: str = BEFORE) -> httpx.Response:
    return httpx.Response(200, json=DOCUMENT, headers={"Date": date})


def slot(google: Google) -> OwnDocument:
    document = OwnDocument(httpx.Client(transport=google), Project("p", "key"), HWID)
    document.signed_in("custom")
    return document


def test_it_reads_its_slot_and_nothing_else_of_the_document() -> None:
    google = Google(an_answer())
    note = slot(google).pending()
    assert note is not None
    assert (note.id, note.title, note.force_seconds) == ("n1", "Sun", 5)
    read = google.requests[-1]
    assert read.headers["Authorization"] == "Bearer id-1"
    assert read.url.host == "firestore.googleapis.com"
    assert read.url.path == f"/v1/projects/p/databases/(default)/documents/devices/{HWID}"
    masks = read.url.params.get_list("mask.fieldPaths")
    assert masks
    assert all(it.startswith("pendingNotification") for it in masks)


@pytest.mark.parametrize(("date", "shows"), [(BEFORE, True), (AFTER, False)])
def test_it_ends_by_the_servers_clock(date: str, shows: bool) -> None:
    assert (slot(Google(an_answer(date))).pending() is not None) == shows


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_ended_is_renewed_once(status: int) -> None:
    google = Google(httpx.Response(status, json={}), an_answer())
    document = slot(google)
    assert document.pending() is not None
    assert google.requests[-1].headers["Authorization"] == "Bearer id-2"


@pytest.mark.parametrize("refreshes", [True, False])
def test_a_document_that_is_gone_is_one_to_register_again(refreshes: bool) -> None:
    google = Google(httpx.Response(404, json={}), httpx.Response(404, json={}))
    google.refreshes = refreshes
    with pytest.raises(Refused) as refusal:
        slot(google).pending()
    assert refusal.value.code == UNKNOWN


def test_a_database_that_is_away_may_be_back() -> None:
    with pytest.raises(Away):
        slot(Google(httpx.Response(503))).pending()
