"""What every store of notifications promises about one of them, whatever the store is made of."""

from dataclasses import fields, replace

import pytest

from shared.domain.actors import SYSTEM
from shared.domain.audience.filters import Segment, TargetPlatform
from shared.domain.content.content import Content
from shared.domain.delivery.run import FailureReason, Run, RunStatus
from shared.domain.errors import Defect, NotFound
from shared.domain.findings.finding import Finding, Severity
from shared.domain.findings.link_ends import LinkEnd, LookedAt
from shared.domain.notifications.history import broken_links, chain_faults
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId, SubmissionCheck
from shared.domain.notifications.replay import Replay
from shared.domain.notifications.review import Cancellation, Claim, Endorsement
from shared.domain.tally import Tally
from shared.ports import AlreadyThere
from shared.stores.notifications import Notifications
from shared.stores.runs import Runs
from tests.adapters.conftest import Bench
from tests.adapters.records import (
    MODERATOR,
    N1,
    NOON,
    PROVIDER,
    SECOND,
    a_draft,
    a_new_notification,
    a_submission,
    approve,
    plain,
    with_fields,
)
from tests.builders import ran


def a_replay(key: str = "k1", id: str = "n1") -> Replay:
    return Replay(key, "fingerprint", NotificationId(id), NOON)


def test_a_created_notification_is_read_as_it_was_written(
    notifications: Bench[Notifications],
) -> None:
    new = a_new_notification(
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
            languages=("ru", "zh-Hant-TW"),
            domain="example.com",
            active_days=7,
            app_version="2.5.6",
            hwid="Hw-1",
        ),
    )
    submitted = new.submit(PROVIDER, NOON, admin_hwid=True)
    ended = Run(
        id=N1,
        provider_id="p1",
        content=new.content,
        segment=new.segment or Segment(),
        created_at=NOON,
        urgent=True,
        status=RunStatus.FAILED,
        sending_at=NOON,
        ended_at=NOON,
        failure_reason=FailureReason.NO_AUDIENCE,
        counted_at=NOON,
        parts=4,
        domains=("a.example", "b.example"),
        lost_domains=("b.example",),
        read_at="2026-03-01T12:00:00.123456789Z",
        tally=Tally(10, 4, 3, 2, 1, {"messaging/not.found": 3, "consent": 2, "weird `code`": 1}),
        wake_at=NOON + SECOND,
        sweeps=2,
    )
    begun = Run(N1, "p1", Content(), Segment(), NOON)
    assert {
        it.name for it in fields(ended) if getattr(ended, it.name) == getattr(begun, it.name)
    } == {
        *("id", "provider_id", "created_at"),
    }
    everything = with_fields(
        submitted,
        status=Status.FAILED,
        run=ended,
        revision=2,
        moderated_at=NOON,
        moderator_id="m1",
        moderator_comment="so-so",
        auto_approved=True,
        auto_approve_reason="adminHwid",
        cancellation=Cancellation(NOON, "provider"),
        export_at=NOON + SECOND,
        findings=(Finding("ipHost", Severity.RED, "url", "A number, not a name.", "1.2.3.4"),),
        looked_at=LookedAt((LinkEnd("url", "a.example", "b.example"),), 1, NOON + SECOND),
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
    assert [each.host for each in found.findings] == ["1.2.3.4"]


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


def test_of_many_one_that_cannot_be_read_is_left_out_and_can_be_put_off(
    notifications: Bench[Notifications], runs: Runs
) -> None:
    for id in ("n1", "n2"):
        new = a_new_notification(id)
        notifications.store.create(new.submit(PROVIDER, NOON, admin_hwid=True))
    odd = {**(notifications.read("n1") or {}), "status": "confirmed", "wakeAt": NOON}
    notifications.write("n1", odd)
    n2 = NotificationId("n2")
    assert notifications.store.statuses([N1, n2]) == {n2: Status.SENDING}
    assert runs.overdue(NOON, 9) == [N1]
    runs.put_off(N1, NOON + SECOND)
    assert runs.overdue(NOON, 9) == []
    assert notifications.read("n1") == {**odd, "wakeAt": NOON + SECOND}
    runs.put_off("gone", NOON)
    assert notifications.read("gone") is None


def test_what_was_seen_and_who_reads_and_approved_it_is_kept(
    notifications: Bench[Notifications],
) -> None:
    found = (
        Finding("ipHost", Severity.RED, "url", "A number, not a name."),
        Finding("shouting", Severity.INFO, "title", "Capitals."),
    )
    new = a_new_notification()
    submission = new.submit(PROVIDER, NOON, admin_hwid=False, check=SubmissionCheck(found, 7))
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
    assert chain_faults(entries, endorsed.head.count, endorsed.head.hash) == []


def test_a_stopped_sending_keeps_its_sums(notifications: Bench[Notifications]) -> None:
    new = a_new_notification()
    notifications.store.create(new.submit(PROVIDER, NOON, admin_hwid=True))
    sums = Tally(3, 1, 1, 0, 0, {"gone": 1})
    notifications.store.change(N1, lambda it: it.follow(ran(it).counted(sums, NOON)))
    stopped = notifications.store.change(N1, lambda it: it.stop(SYSTEM, NOON + SECOND, "enough"))
    assert notifications.store.get(N1) == stopped
    assert (stopped.status, stopped.tally, ran(stopped).ended_at) == (
        Status.STOPPED,
        sums,
        NOON + SECOND,
    )
    assert notifications.store.history(N1)[-1].reason == "enough"
