"""What every store of notifications promises about lists, their pages and sums."""

import base64
from dataclasses import replace

import pytest

from shared.domain.errors import InvalidInput
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.notifications.queries import NotificationQuery, QueueQuery
from shared.stores import notification_lists
from shared.stores import runs as runs_store
from shared.stores.notifications import Notifications
from shared.stores.runs import Runs
from tests.adapters.conftest import Bench
from tests.adapters.records import (
    MODERATOR,
    N1,
    NOON,
    SECOND,
    a_draft,
    a_sending,
    cancel,
    ids,
    with_fields,
)


def as_token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_list_is_newest_first_and_only_the_providers_own(many: Bench[Notifications]) -> None:
    page = many.store.of_provider(NotificationQuery("p1"))
    assert ids(page.items) == ["n0", "n1", "n2", "n5", "n4", "n3", "n6"]
    assert page.next_token is None
    assert all(it.version for it in page.items)


def test_those_that_are_being_sent_on_a_domain_are_found(
    notifications: Bench[Notifications], runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_store, "PAGE", 2)
    on = ("a.example", "b.example")
    for number in range(5):
        sending = a_sending(f"n{number}", domains=on if number % 2 else on[:1])
        notifications.store.create(with_fields(sending, provider_id=f"p{number}"))
    over = a_sending("over", domains=on)
    notifications.store.create(with_fields(over, status=Status.STOPPED))
    notifications.store.create(a_sending("unplanned"))
    notifications.write("odd", {"status": "sending", "planDomains": "b.example"})
    assert runs.sending_on("b.example") == ["n1", "n3"]
    assert len(runs.sending_on("a.example")) == 5
    assert runs.sending_on("c.example") == []


@pytest.mark.parametrize("page_size", [1, 2, 3, 6, 7, 8])
def test_pages_together_are_the_list(many: Bench[Notifications], page_size: int) -> None:
    found: list[str] = []
    wish = NotificationQuery("p1", page_size=page_size)
    while True:
        page = many.store.of_provider(wish)
        assert 1 <= len(page.items) <= page_size
        found += ids(page.items)
        if page.next_token is None:
            break
        wish = replace(wish, page_token=page.next_token)
    assert found == ["n0", "n1", "n2", "n5", "n4", "n3", "n6"]


def test_a_list_can_be_of_one_status(many: Bench[Notifications]) -> None:
    assert ids(many.store.of_provider(NotificationQuery("p1", status=Status.DRAFT)).items) == ["n6"]
    assert many.store.of_provider(NotificationQuery("p1", status=Status.FAILED)).items == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GRÖSSE", ["n1", "n5", "n3"]),
        ("number 4", ["n4"]),
        ("sale", ["n0", "n2", "n4", "n6"]),
        ("nowhere", []),
    ],
)
def test_a_text_is_found_in_title_or_body_in_any_case(
    many: Bench[Notifications], text: str, expected: list[str]
) -> None:
    assert ids(many.store.of_provider(NotificationQuery("p1", text=text)).items) == expected


def test_a_search_goes_on_where_its_page_ended(many: Bench[Notifications]) -> None:
    first = many.store.of_provider(NotificationQuery("p1", text="sale", page_size=3))
    assert ids(first.items) == ["n0", "n2", "n4"]
    wish = NotificationQuery("p1", text="sale", page_size=3, page_token=first.next_token or "")
    rest = many.store.of_provider(wish)
    assert (ids(rest.items), rest.next_token) == (["n6"], None)


def test_a_search_looks_at_a_bounded_number_of_records_in_one_call(
    many: Bench[Notifications], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notification_lists, "MOST_SCANNED", 2)
    monkeypatch.setattr(notification_lists, "SEARCH_CHUNK", 2)
    wish, calls = NotificationQuery("p1", text="number 6", page_size=1), 1
    page = many.store.of_provider(wish)
    while page.next_token and not page.items:
        page = many.store.of_provider(replace(wish, page_token=page.next_token))
        calls += 1
    assert (ids(page.items), calls) == (["n6"], 4)


def test_one_broken_record_does_not_take_the_list_with_it(many: Bench[Notifications]) -> None:
    many.write("n1", {**(many.read("n1") or {}), "title": 1})
    assert ids(many.store.of_provider(NotificationQuery("p1", page_size=2)).items) == ["n0", "n2"]
    assert "n1" not in ids(many.store.queue(QueueQuery()).items)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "!",
        "ä",
        "MTI",
        as_token("12"),
        as_token("12.../"),
        as_token("12.a/b"),
        as_token("012.n1"),
        as_token("9" * 40 + ".n1"),
        as_token("9" * 9999 + ".n1"),
        as_token("12.n1") + "=",
    ],
)
def test_a_token_we_did_not_give_out_is_refused(
    notifications: Bench[Notifications], token: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        notifications.store.of_provider(NotificationQuery("p1", page_token=token))
    assert [error.field for error in refused.value.errors] == ["pageToken"]


def test_every_status_is_counted(many: Bench[Notifications]) -> None:
    many.store.change(N1, cancel)
    counts = many.store.counts_by_status("p1")
    expected = {Status.PENDING: 5, Status.CANCELLED: 1, Status.DRAFT: 1}
    assert counts == {status: expected.get(status, 0) for status in Status}
    assert sum(many.store.counts_by_status("p9").values()) == 0


def test_what_nobody_moderated_is_counted_apart(notifications: Bench[Notifications]) -> None:
    plain = {"title": "T", "body": "B", "providerId": "p1", "createdAt": NOON}
    differing: list[dict[str, object]] = [
        {"autoApproved": True},
        {"autoApproved": False},
        {},
        {"autoApproved": True, "status": "sending"},
        {"autoApproved": True, "providerId": "p9"},
    ]
    for number, more in enumerate(differing):
        notifications.write(f"n{number}", {**plain, "status": "approved", **more})
    assert notifications.store.count_auto_approved("p1") == 1


def test_of_many_it_is_told_at_once_where_they_are(many: Bench[Notifications]) -> None:
    asked = [NotificationId(id) for id in ("n0", "n6", "theirs", "none", "", "a/b", "..", "__x__")]
    assert many.store.statuses(asked) == {
        "n0": Status.PENDING,
        "n6": Status.DRAFT,
        "theirs": Status.PENDING,
    }
    assert many.store.statuses([]) == {}


def test_what_waits_is_counted_for_its_provider(many: Bench[Notifications]) -> None:
    assert many.store.count_pending("p1") == 6
    many.store.change(N1, cancel)
    assert many.store.count_pending("p1") == 5
    assert many.store.count_pending("p9") == 0


def test_drafts_are_counted_apart_from_all_others(many: Bench[Notifications]) -> None:
    before = many.store.count_drafts("p1")
    many.store.create(a_draft("one-more"))
    assert many.store.count_drafts("p1") == before + 1
    assert many.store.count_drafts("p9") == 0


def test_moderators_decisions_are_told_the_latest_first(many: Bench[Notifications]) -> None:
    rejected, approved = NotificationId("n2"), NotificationId("n3")
    many.store.change(rejected, lambda it: it.reject(MODERATOR, NOON + SECOND, "no"))
    many.store.change(approved, lambda it: it.approve(MODERATOR, NOON + SECOND * 2))
    many.store.change(N1, lambda it: it.approve(MODERATOR, NOON - SECOND))
    made = many.store.decided(NOON, 9)
    assert [(each.rejected, each.moderated_at) for each in made] == [
        (False, NOON + SECOND * 2),
        (True, NOON + SECOND),
    ]
    assert {(each.provider_id, each.moderator_id) for each in made} == {("p1", "m1")}
    assert [each.rejected for each in many.store.decided(NOON, 1)] == [False]


def test_only_what_is_due_is_overdue(notifications: Bench[Notifications], runs: Runs) -> None:
    for id, wake_at in [("late", -2), ("now", 0), ("later", 1), ("never", None)]:
        at = None if wake_at is None else NOON + wake_at * SECOND
        notifications.store.create(a_sending(id, wake_at=at))
    assert runs.overdue(NOON, 9) == ["late", "now"]
    assert runs.overdue(NOON, 1) == ["late"]
    assert runs.overdue(NOON - SECOND * 3, 9) == []
