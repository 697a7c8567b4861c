"""What every store of notifications promises, whatever it is made of."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from shared.adapters import listing
from shared.domain.content import Content
from shared.domain.delivery import Tally
from shared.domain.errors import Defect, InvalidInput, NotFound, WrongState
from shared.domain.findings import Finding, Severity
from shared.domain.history import SYSTEM, broken_links, chain_faults
from shared.domain.lifecycle import Status
from shared.domain.notification import Change, FailureReason, Looked, Notification, NotificationId
from shared.domain.review import Claim, Endorsement
from shared.domain.targeting import Segment, TargetPlatform
from shared.ports import AlreadyThere, Notifications, Replay, Waiting, Wish
from tests.adapters.conftest import Bench
from tests.adapters.records import (
    MODERATOR,
    NOON,
    PROVIDER,
    a_draft,
    a_new_notification,
    a_submission,
    with_fields,
)

N1 = NotificationId("n1")
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def approve(it: Notification) -> Change:
    return it.approve(MODERATOR, NOON)


def cancel(it: Notification) -> Change:
    return it.cancel(PROVIDER, NOON)


def one_more(it: Notification) -> Change:
    return it.counted(replace(it.tally, targeted=it.tally.targeted + 1), NOON)


def a_replay(key: str = "k1", id: str = "n1") -> Replay:
    return Replay(key, "fingerprint", NotificationId(id), NOON)


def ids(found: tuple[Notification, ...]) -> list[str]:
    return [it.id for it in found]


def as_token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# ---- create and get --------------------------------------------------------------------------


def test_a_created_notification_is_read_as_it_was_written(
    notifications: Bench[Notifications],
) -> None:
    new = a_submission(
        content=Content(
            title="👩‍👩‍👧 Sale",
            body="a\nb",
            image="https://example.com/i.png",
            url="myapp://sale",
            url_button_name="Look",
            force_timer=5,
            expiry_seconds=31_536_000,
        ),
        segment=Segment(
            platform=TargetPlatform.IOS,
            region=("ru",),
            domain="example.com",
            active_days=7,
            app_version="2.5.6",
            hwid="Hw-1",
        ),
        tally=Tally(10, 4, 3, 2, 1, {"messaging/not.found": 3, "consent": 2, "weird `code`": 1}),
    )
    everything = with_fields(
        new,
        revision=2,
        moderated_at=NOON,
        moderator_id="m1",
        moderator_comment="so-so",
        auto_approved=True,
        auto_approve_reason="adminHwid",
        cancelled_at=NOON,
        cancelled_by="provider",
        sending_at=NOON,
        ended_at=NOON,
        failure_reason=FailureReason.NO_AUDIENCE,
        counted_at=NOON,
        plan_parts=4,
        plan_domains=("a.example", "b.example"),
        read_at="2026-03-01T12:00:00.123456789Z",
        wake_at=NOON + SECOND,
        export_at=NOON + SECOND,
        sweeps=2,
        findings=(Finding("ipHost", Severity.RED, "url", "A number, not a name."),),
        estimated_devices=0,
        claim=Claim("m1", NOON + SECOND),
        endorsements=(Endorsement("m2", NOON, 2),),
    )
    told = {it.name for it in fields(everything.notification)} - {"version"}
    plain = a_new_notification()
    assert {n for n in told if getattr(everything.notification, n) == getattr(plain, n)} == {
        "id",
        "provider_id",
        "provider_email",
        "created_at",
    }
    notifications.store.create(everything)
    found = notifications.store.get(N1)
    assert found.version
    assert replace(found, version="") == everything.notification


def test_its_document_has_the_names_of_the_specification(
    notifications: Bench[Notifications],
) -> None:
    notifications.store.create(a_submission())
    document = dict(notifications.read("n1") or {})
    assert len(str(document.pop("historyHash"))) == 64
    assert document == {
        "title": "Sale",
        "body": "Everything must go",
        "url": "https://example.com/sale",
        "targetSegment": {"platform": "all", "region": ["ru", "by"]},
        "status": "pending",
        "providerId": "p1",
        "providerEmail": "p1@example.com",
        "createdAt": NOON,
        "submittedAt": NOON,
        "revision": 1,
        "findings": [],
        "endorsements": [],
        "autoApproved": False,
        "targetedCount": 0,
        "deliveredCount": 0,
        "failedCount": 0,
        "skippedCount": 0,
        "unknownCount": 0,
        "errors": {},
        "planParts": 0,
        "planDomains": [],
        "readAt": "",
        "sweeps": 0,
        "historyCount": 1,
    }


def test_a_draft_may_lack_everything(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_draft(content=Content(), segment=None))
    found = notifications.store.get(N1)
    assert (found.content, found.segment, found.status) == (Content(), None, Status.DRAFT)


def test_creating_the_same_id_again_changes_nothing(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())
    with pytest.raises(AlreadyThere):
        notifications.store.create(a_draft(content=Content(title="Another")), a_replay())
    assert notifications.store.get(N1).status is Status.PENDING
    assert notifications.store.replay("k1") is None
    assert len(notifications.store.history(N1)) == 1


def test_the_very_same_creation_again_is_there_already(
    notifications: Bench[Notifications],
) -> None:
    notifications.store.create(a_submission())
    with pytest.raises(AlreadyThere):
        notifications.store.create(a_submission())


def test_of_two_creations_under_one_key_only_the_first_is_written(
    notifications: Bench[Notifications],
) -> None:
    notifications.store.create(a_submission(), a_replay())
    with pytest.raises(AlreadyThere):
        notifications.store.create(a_submission("n2"), a_replay())
    with pytest.raises(NotFound):
        notifications.store.get(NotificationId("n2"))
    assert notifications.store.history(NotificationId("n2")) == []


def test_an_answer_is_replayed_with_its_names_in_order(
    notifications: Bench[Notifications],
) -> None:
    notifications.store.create(a_submission(), a_replay())
    assert notifications.store.replay("k1") == a_replay()
    answer = {"id": "n1", "body": "b", "a": [1, {"z": None, "y": 0.5}]}
    notifications.store.keep_answer("k1", answer)
    kept = notifications.store.replay("k1")
    assert kept == replace(a_replay(), answer=answer)
    assert kept is not None
    assert list(kept.answer or {}) == ["id", "body", "a"]


def test_an_answer_can_be_there_from_the_start(notifications: Bench[Notifications]) -> None:
    answered = replace(a_replay(), answer={"id": "n1"})
    notifications.store.create(a_submission(), answered)
    assert notifications.store.replay("k1") == answered


def test_there_is_no_answer_under_an_unknown_key(notifications: Bench[Notifications]) -> None:
    assert notifications.store.replay("k9") is None
    with pytest.raises(NotFound):
        notifications.store.keep_answer("k9", {})


@pytest.mark.parametrize("id", ["n9", "", ".", "..", "__n__", "n1/history/000001", "n" * 2000])
def test_what_is_not_there_is_not_found(notifications: Bench[Notifications], id: str) -> None:
    notifications.store.create(a_submission())
    with pytest.raises(NotFound):
        notifications.store.get(NotificationId(id))
    with pytest.raises(NotFound):
        notifications.store.change(NotificationId(id), approve)
    with pytest.raises(NotFound):
        notifications.store.delete(NotificationId(id), lambda _: None)


def test_a_record_of_an_existing_back_end_is_read_and_keeps_what_only_that_knows(
    notifications: Bench[Notifications],
) -> None:
    plain = {"title": "T", "body": "B", "providerId": "p1", "createdAt": NOON, "theirs": [1]}
    notifications.write("n1", {**plain, "status": "pending", "targetSegment": {}})
    found = notifications.store.get(N1)
    assert (found.revision, found.segment, found.auto_approved) == (1, Segment(), False)
    notifications.store.change(N1, approve)
    assert (notifications.read("n1") or {})["theirs"] == [1]
    assert broken_links(notifications.store.history(N1)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "confirmed"),
        ("status", None),
        ("createdAt", "yesterday"),
        ("title", 7),
        ("title", "secret" * 100),
        ("targetSegment", {"planet": "secret"}),
        ("errors", {"code": "secret"}),
        ("revision", True),
    ],
)
def test_a_document_that_cannot_be_one_is_a_defect_that_shows_nothing_of_it(
    notifications: Bench[Notifications], name: str, value: object
) -> None:
    notifications.store.create(a_submission())
    notifications.write("n1", {**(notifications.read("n1") or {}), name: value})
    with pytest.raises(Defect) as defect:
        notifications.store.get(N1)
    assert "pendingNotifications/n1" in str(defect.value)
    assert "secret" not in str(defect.value)
    assert defect.value.__cause__ is None


# ---- change ----------------------------------------------------------------------------------


def test_a_move_is_written_with_its_entry(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())
    before = notifications.store.get(N1)
    moved = notifications.store.change(N1, approve)
    assert moved == notifications.store.get(N1)
    assert moved.version not in {"", before.version}
    assert (moved.status, moved.moderator_id) == (Status.SENDING, "m1")
    chain = notifications.store.history(N1)
    assert [(entry.move, entry.status) for entry in chain] == [
        ("submit", Status.PENDING),
        ("approve", Status.SENDING),
    ]
    assert broken_links(chain) == []
    assert chain[-1].hash == moved.history_hash


def test_a_refused_move_writes_nothing(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())
    notifications.store.change(N1, cancel)
    before = notifications.store.get(N1)
    with pytest.raises(WrongState):
        notifications.store.change(N1, approve)
    assert notifications.store.get(N1) == before
    assert len(notifications.store.history(N1)) == 2


def test_a_change_that_changes_nothing_is_not_written(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())
    before = notifications.store.get(N1)
    assert notifications.store.change(N1, lambda it: Change(it, None)) == before
    assert notifications.store.get(N1).version == before.version


def test_what_a_change_takes_away_is_gone(notifications: Bench[Notifications]) -> None:
    notifications.store.create(with_fields(a_submission(), wake_at=NOON))
    notifications.store.change(N1, approve)
    notifications.store.change(N1, lambda it: it.complete(SYSTEM, NOON, it.tally))
    assert notifications.store.get(N1).wake_at is None
    assert "wakeAt" not in (notifications.read("n1") or {})


def test_error_counts_are_replaced_and_not_merged(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission(tally=Tally(errors={"a.b": 1, "c": 2})))
    notifications.store.change(N1, lambda it: it.counted(Tally(errors={"c": 3}), NOON))
    assert notifications.store.get(N1).tally.errors == {"c": 3}


def test_who_reads_before_and_writes_after_another_starts_anew(
    notifications: Bench[Notifications],
) -> None:
    notifications.store.create(a_submission())
    seen: list[Status | None] = []

    def approve_while_the_provider_cancels(it: Notification) -> Change:
        seen.append(it.status)
        if len(seen) == 1:
            notifications.store.change(N1, cancel)
        return it.approve(MODERATOR, NOON)

    with pytest.raises(WrongState, match="The provider canceled the delivery"):
        notifications.store.change(N1, approve_while_the_provider_cancels)
    assert seen == [Status.PENDING, Status.CANCELLED]
    assert notifications.store.get(N1).status is Status.CANCELLED
    assert len(notifications.store.history(N1)) == 2


def test_of_twenty_racing_moves_exactly_one_wins(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())

    def race(move: Callable[[Notification], Change]) -> Status | WrongState | None:
        try:
            return notifications.store.change(N1, move).status
        except WrongState as refusal:
            return refusal

    with ThreadPoolExecutor(20) as racers:
        results = list(racers.map(race, [approve, cancel] * 10))
    refusals = [result for result in results if isinstance(result, WrongState)]
    winners = [result for result in results if not isinstance(result, WrongState)]
    found = notifications.store.get(N1)
    assert winners == [found.status]
    assert found.status in {Status.SENDING, Status.CANCELLED}
    assert {refusal.details["status"] for refusal in refusals} == {found.status}
    chain = notifications.store.history(N1)
    assert len(chain) == 2
    assert broken_links(chain) == []


def test_fifty_at_once_all_count(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())

    def count_one(_: int) -> None:
        notifications.store.change(N1, one_more)

    with ThreadPoolExecutor(50) as threads:
        list(threads.map(count_one, range(50)))
    assert notifications.store.get(N1).tally.targeted == 50


# ---- delete ----------------------------------------------------------------------------------


def test_a_deleted_draft_leaves_nothing(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_draft())
    notifications.store.delete(N1, lambda _: None)
    with pytest.raises(NotFound):
        notifications.store.get(N1)
    assert notifications.store.history(N1) == []
    notifications.store.create(a_draft())


def test_what_is_checked_before_deleting_is_what_is_deleted(
    notifications: Bench[Notifications],
) -> None:
    notifications.store.create(a_draft())

    def a_draft_still(it: Notification) -> None:
        if it.status is not Status.DRAFT:
            raise WrongState("no draft any more")
        notifications.store.change(N1, lambda it: it.submit(PROVIDER, NOON, admin_hwid=False))

    with pytest.raises(WrongState):
        notifications.store.delete(N1, a_draft_still)
    assert notifications.store.get(N1).status is Status.PENDING


# ---- lists -----------------------------------------------------------------------------------


@pytest.fixture
def many(notifications: Bench[Notifications]) -> Bench[Notifications]:
    """Ages 0 to 6, of which 3, 4 and 5 are as old as each other; and another provider's."""
    for age in range(7):
        at = NOON - SECOND * (4 if 3 <= age <= 5 else age)
        title = "Größe XL" if age % 2 else "Sale"
        content = Content(title=title, body=f"Number {age}")
        make = a_draft if age == 6 else a_submission
        notifications.store.create(make(f"n{age}", created_at=at, content=content))
    notifications.store.create(a_submission("theirs", provider_id="p2"))
    return notifications


def test_a_list_is_newest_first_and_only_the_providers_own(many: Bench[Notifications]) -> None:
    page = many.store.of_provider(Wish("p1"))
    assert ids(page.items) == ["n0", "n1", "n2", "n5", "n4", "n3", "n6"]
    assert page.next_token is None
    assert all(it.version for it in page.items)


@pytest.mark.parametrize("page_size", [1, 2, 3, 6, 7, 8])
def test_pages_together_are_the_list(many: Bench[Notifications], page_size: int) -> None:
    found: list[str] = []
    wish = Wish("p1", page_size=page_size)
    while True:
        page = many.store.of_provider(wish)
        assert 1 <= len(page.items) <= page_size
        found += ids(page.items)
        if page.next_token is None:
            break
        wish = replace(wish, page_token=page.next_token)
    assert found == ["n0", "n1", "n2", "n5", "n4", "n3", "n6"]


def test_a_list_can_be_of_one_status(many: Bench[Notifications]) -> None:
    assert ids(many.store.of_provider(Wish("p1", status=Status.DRAFT)).items) == ["n6"]
    assert many.store.of_provider(Wish("p1", status=Status.FAILED)).items == ()


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
    assert ids(many.store.of_provider(Wish("p1", text=text)).items) == expected


def test_a_search_goes_on_where_its_page_ended(many: Bench[Notifications]) -> None:
    first = many.store.of_provider(Wish("p1", text="sale", page_size=3))
    assert ids(first.items) == ["n0", "n2", "n4"]
    wish = Wish("p1", text="sale", page_size=3, page_token=first.next_token or "")
    rest = many.store.of_provider(wish)
    assert (ids(rest.items), rest.next_token) == (["n6"], None)


def test_a_search_looks_at_a_bounded_number_of_records_in_one_call(
    many: Bench[Notifications], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_SCANNED", 2)
    monkeypatch.setattr(listing, "SEARCH_CHUNK", 2)
    wish, calls = Wish("p1", text="number 6", page_size=1), 1
    page = many.store.of_provider(wish)
    while page.next_token and not page.items:
        page = many.store.of_provider(replace(wish, page_token=page.next_token))
        calls += 1
    assert (ids(page.items), calls) == (["n6"], 4)


def test_one_broken_record_does_not_take_the_list_with_it(many: Bench[Notifications]) -> None:
    many.write("n1", {**(many.read("n1") or {}), "title": 1})
    assert ids(many.store.of_provider(Wish("p1", page_size=2)).items) == ["n0", "n2"]
    assert "n1" not in ids(many.store.queue(Waiting()).items)


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
        notifications.store.of_provider(Wish("p1", page_token=token))
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


def test_the_moderation_queue_is_oldest_first_over_all_providers(
    many: Bench[Notifications],
) -> None:
    queue = many.store.queue(Waiting(page_size=4))
    assert ids(queue.items) == ["n3", "n4", "n5", "n2"]
    assert {"theirs", "n6"} & set(ids(many.store.queue(Waiting()).items)) == {"theirs"}


@pytest.fixture
def waiting(notifications: Bench[Notifications]) -> Bench[Notifications]:
    """Drafts of the hours 0 to 5, submitted the other way round, 2 and 3 in the same moment; and,
    of an older version that did not note it, three more of the hours between.
    """
    for hour in range(6):
        at = NOON + HOUR * hour
        notifications.store.create(a_draft(f"n{hour}", created_at=at))
        submitted = NOON + HOUR * (20 - (3 if hour == 2 else hour))
        notifications.store.change(
            NotificationId(f"n{hour}"),
            lambda it, at=submitted: it.submit(PROVIDER, at, admin_hwid=False),  # type: ignore[misc]
        )
    plain = {"title": "T", "body": "B", "providerId": "p1", "status": "pending"}
    for name, hours in {"old-a": 16.5, "old-b": 17.0, "old-c": 30.0}.items():
        notifications.write(name, {**plain, "createdAt": NOON + HOUR * hours})
    return notifications


LONGEST_FIRST = ["n5", "n4", "old-a", "n2", "n3", "old-b", "n1", "n0", "old-c"]


def test_in_the_moderation_queue_whoever_waits_longest_is_first(
    waiting: Bench[Notifications],
) -> None:
    assert ids(waiting.store.queue(Waiting()).items) == LONGEST_FIRST
    assert ids(waiting.store.queue(Waiting("p1")).items) == LONGEST_FIRST


@pytest.mark.parametrize("page_size", [1, 2, 3, 4, 5, 8, 9])
def test_pages_of_the_moderation_queue_together_are_the_queue(
    waiting: Bench[Notifications], page_size: int
) -> None:
    page = waiting.store.queue(Waiting(page_size=page_size))
    found = ids(page.items)
    while page.next_token:
        page = waiting.store.queue(Waiting(page_size=page_size, page_token=page.next_token))
        found += ids(page.items)
    assert found == LONGEST_FIRST


@pytest.mark.parametrize("wanted", LONGEST_FIRST)
def test_whatever_waits_is_found_however_few_are_looked_at_at_once(
    waiting: Bench[Notifications], monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setattr(listing, "SEARCH_CHUNK", 1)
    for page_size in (1, 2, 3):
        found = waiting.store.queue(Waiting(shows=lambda it: it.id == wanted, page_size=page_size))
        assert ids(found.items) == [wanted]


def test_a_broken_time_of_creation_is_in_no_queue_and_breaks_none(
    waiting: Bench[Notifications],
) -> None:
    for id in ("n4", "old-b"):
        waiting.write(id, {**(waiting.read(id) or {}), "createdAt": "yesterday"})
    found = ids(waiting.store.queue(Waiting()).items)
    assert found == [id for id in LONGEST_FIRST if id not in {"n4", "old-b"}]


def test_a_broken_time_of_submission_is_in_no_queue(
    waiting: Bench[Notifications], caplog: pytest.LogCaptureFixture
) -> None:
    waiting.write("n4", {**(waiting.read("n4") or {}), "submittedAt": "yesterday"})
    found = ids(waiting.store.queue(Waiting()).items)
    assert found == [id for id in LONGEST_FIRST if id != "n4"]
    assert "left out of a list" in caplog.text


def test_the_moderation_queue_goes_on_where_its_page_ended(many: Bench[Notifications]) -> None:
    whole = ids(many.store.queue(Waiting()).items)
    seen: list[str] = []
    page = many.store.queue(Waiting(page_size=2))
    while page.next_token:
        seen += ids(page.items)
        page = many.store.queue(Waiting(page_size=2, page_token=page.next_token))
    assert seen + ids(page.items) == whole


def test_the_moderation_queue_of_one_provider_and_of_those_asked_for(
    many: Bench[Notifications],
) -> None:
    assert "theirs" not in ids(many.store.queue(Waiting("p1")).items)
    chosen = many.store.queue(Waiting(shows=lambda it: it.id in {"n5", "n2"}, page_size=1))
    assert ids(chosen.items) == ["n5"]
    assert chosen.next_token
    rest = many.store.queue(
        Waiting(shows=lambda it: it.id in {"n5", "n2"}, page_token=chosen.next_token)
    )
    assert (ids(rest.items), rest.next_token) == (["n2"], None)


def test_what_waits_is_counted_for_its_provider(many: Bench[Notifications]) -> None:
    assert many.store.count_pending("p1") == 6
    many.store.change(N1, cancel)
    assert many.store.count_pending("p1") == 5
    assert many.store.count_pending("p9") == 0


def test_what_was_seen_and_who_reads_and_approved_it_is_kept(
    notifications: Bench[Notifications],
) -> None:
    found = (
        Finding("ipHost", Severity.RED, "url", "A number, not a name."),
        Finding("shouting", Severity.INFO, "title", "Capitals."),
    )
    new = a_new_notification()
    submission = new.submit(PROVIDER, NOON, admin_hwid=False, looked=Looked(found, 7))
    notifications.store.create(submission)
    assert plain(notifications.store.get(N1)) == plain(submission.notification)
    claimed = notifications.store.change(N1, lambda it: it.take(MODERATOR, NOON))
    assert notifications.store.get(N1) == claimed
    endorsed = notifications.store.change(N1, lambda it: it.approve(MODERATOR, NOON))
    assert notifications.store.get(N1) == endorsed
    assert (endorsed.claim, len(endorsed.endorsements)) == (None, 1)
    stored = notifications.read("n1") or {}
    assert "claim" not in stored
    assert stored["endorsements"] == [{"moderatorId": "m1", "at": NOON, "revision": 1}]
    assert stored["findings"][1] == {
        "code": "shouting",
        "severity": "info",
        "field": "title",
        "sentence": "Capitals.",
    }
    entries = notifications.store.history(N1)
    assert [entry.move for entry in entries] == ["submit", "findings", "claim", "endorse"]
    assert chain_faults(entries, endorsed.history_count, endorsed.history_hash) == []


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


def plain(it: Notification) -> Notification:
    """Whatever version it has."""
    return replace(it, version="")


def test_only_what_is_due_is_overdue(notifications: Bench[Notifications]) -> None:
    for id, wake_at in [("late", -2), ("now", 0), ("later", 1), ("never", None)]:
        at = None if wake_at is None else NOON + wake_at * SECOND
        notifications.store.create(with_fields(a_submission(id), wake_at=at))
    assert notifications.store.overdue(NOON, 9) == ["late", "now"]
    assert notifications.store.overdue(NOON, 1) == ["late"]
    assert notifications.store.overdue(NOON - SECOND * 3, 9) == []


def test_a_stopped_sending_keeps_its_sums(notifications: Bench[Notifications]) -> None:
    new = a_new_notification()
    notifications.store.create(new.submit(PROVIDER, NOON, admin_hwid=True))
    sums = Tally(3, 1, 1, 0, 0, {"gone": 1})
    notifications.store.change(N1, lambda it: it.counted(sums, NOON))
    stopped = notifications.store.change(N1, lambda it: it.stop(SYSTEM, NOON + SECOND, "enough"))
    assert notifications.store.get(N1) == stopped
    assert (stopped.status, stopped.tally, stopped.ended_at) == (
        Status.STOPPED,
        sums,
        NOON + SECOND,
    )
    assert notifications.store.history(N1)[-1].reason == "enough"
