"""Everybody does anything, in any order, with crashes, repeats and disorder in between.

A simple model says after each step what may have changed, and nothing else may have. In the end
everything is delivered, and what was being sent must have come to its end.
"""

import os
from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from shared.domain.actors import Actor, Role
from shared.domain.delivery.ledger import Outcome, Record
from shared.domain.delivery.run import FailureReason
from shared.domain.errors import TryAgain, WrongState
from shared.domain.findings.finding import Finding, Severity, has_red
from shared.domain.notifications.history import Note, broken_links
from shared.domain.notifications.lifecycle import TERMINAL, TRANSITIONS, Move, Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.notifications.review import CLAIM_LEASE, Claim
from shared.domain.push.answers import Answer
from shared.flow.notifications.once import Once
from tests.builders import (
    MODERATOR,
    a_desktop,
    a_device,
    a_domain,
    a_segment,
    an_fcm_address,
    an_input,
    ran,
)
from tests.flow.audit import faults, most_sent_again, sent_again
from tests.flow.hazard import FAULTS, Crash, Fault
from tests.flow.push import accepted, address_gone, busy, lost, misconfigured, refused
from tests.flow.world import World
from tests.notification_documents import records

MOST_NOTIFICATIONS = 5
EFFECTS = [
    "notifications.change/commit",
    "runs.change/commit",
    "runs.review/commit",
    "ledger.open_parts/write_each",
    "ledger.advance/commit",
    "ledger.write/commit",
    "slots.show/write_each",
    "push.send",
    "tasks.enqueue",
    "devices.drop_address/commit",
]
"""The calls that leave something behind."""
NO_ANSWER = (Crash, TryAgain)
"""What a caller sees of a fault: the request died, or was told to come again."""
SECOND = Actor(Role.MODERATOR, "m2")
RED = Finding("ipHost", Severity.RED, "url", "The address names a machine by number.")
moderators = st.sampled_from([MODERATOR, SECOND])
STARTS = {"draft": Status.DRAFT, "pending": Status.PENDING, "admin": Status.SENDING}
BY_THEMSELVES = {(Status.SENDING, Status.APPROVED), (Status.SENDING, Status.FAILED)}
"""The only moves that happen without anybody asking for them."""


def a_small_world() -> World:
    world = World(
        [
            a_device("phone-1"),
            a_device("phone-2"),
            a_device("dead-1"),
            a_device("vague-1"),
            a_device("mute-1", address=None),
            a_desktop("desktop-1"),
            a_desktop("both-1", address=an_fcm_address("token-both-1")),
        ],
        page_size=2,
    )
    world.providers.put_domain(a_domain(admin_hwids=("phone-1",)))
    world.push.will("token-phone-2", busy(), accepted())
    world.push.will("token-vague-1", lost(), accepted())
    world.push.will("token-dead-1", address_gone())
    return world


class Fanfare(RuleBasedStateMachine):
    """The model: the status of every notification, and how it came there."""

    notifications: Bundle[NotificationId] = Bundle("notifications")

    def __init__(self) -> None:
        super().__init__()
        self.world = a_small_world()
        self.ways: dict[NotificationId, list[Status]] = {}
        self.outcomes: dict[tuple[str, str], Record] = {}
        self.created = 0

    # ---- what callers do -----------------------------------------------------------------

    @precondition(lambda self: len(self.ways) < MOST_NOTIFICATIONS)
    @rule(
        target=notifications,
        kind=st.sampled_from(["draft", "pending", "pending", "pending", "admin"]),
        expiry=st.sampled_from([None, None, 60, 600]),
    )
    def create(self, kind: str, expiry: int | None = None) -> Any:
        self.created += 1
        once = Once.of("p1", str(self.created), "create", kind)
        given = an_input(draft=kind == "draft", expiry_seconds=expiry)
        if kind == "admin":
            given = an_input(target_segment=a_segment(hwid="phone-1"), expiry_seconds=expiry)
        try:
            self.world.create(given, once=once)
        except NO_ANSWER:
            if once.notification_id not in records(self.world.database):
                return multiple()
        self.ways[once.notification_id] = [STARTS[kind]]
        self.look({once.notification_id: set()})
        return once.notification_id

    @precondition(lambda self: len(self.ways) < MOST_NOTIFICATIONS)
    @rule(
        target=notifications,
        numbers=st.lists(st.integers(0, 50), max_size=8),
        expiry=st.sampled_from([None, 60, 600]),
    )
    def create_approve_and_deliver(self, numbers: list[int], expiry: int | None) -> Any:
        """Take the ordinary course, so that much of the rest happens in the middle of it."""
        id = self.create("pending", expiry)
        if id in self.ways:
            self.approve(id, stale=False)
            self.approve(id, stale=False, by=SECOND)
            self.deliver(numbers)
        return id

    @rule(id=notifications)
    def submit(self, id: NotificationId) -> None:
        self.move(id, Move.SUBMIT, lambda: self.world.submit(id), Status.PENDING)

    @rule(id=notifications, stale=st.sampled_from([False, False, False, True]), by=moderators)
    def approve(self, id: NotificationId, stale: bool, by: Actor = MODERATOR) -> None:
        """Approve: the notification is sent; or endorsed, if two must approve and this is the
        first.
        """
        before = self.world.get(id)
        revision = before.revision - stale
        endorsers = {each.moderator_id for each in before.endorsements}
        if before.status is Status.PENDING and has_red(before.findings) and not endorsers:
            self.endorse(before, by, stale=stale)
            return
        refused = stale or self.kept_out(before, by) or by.id in endorsers
        to = None if refused else Status.SENDING
        self.move(id, Move.APPROVE, lambda: self.world.approve(id, by=by, revision=revision), to)

    def endorse(self, before: Notification, by: Actor, *, stale: bool) -> None:
        legal = not stale and not self.kept_out(before, by)
        try:
            endorsed = self.world.approve(before.id, by=by, revision=before.revision - stale)
            assert legal
            assert [each.moderator_id for each in endorsed.endorsements] == [by.id]
        except NO_ANSWER:
            pass
        except WrongState:
            assert not legal
        self.look()

    @rule(id=notifications, by=moderators, names_it=st.booleans())
    def reject(self, id: NotificationId, by: Actor, names_it: bool) -> None:
        before = self.world.get(id)
        revision = before.revision if names_it else None
        unseen = revision is None and before.revision > 1
        to = None if unseen or self.kept_out(before, by) else Status.REJECTED
        self.move(id, Move.REJECT, lambda: self.world.reject(id, by=by, revision=revision), to)

    @rule(id=notifications, by=moderators)
    def claim(self, id: NotificationId, by: Actor) -> None:
        before = self.world.get(id)
        legal = before.status is Status.PENDING and not self.kept_out(before, by)
        try:
            claimed = self.world.claim(id, by=by)
            assert legal
            assert claimed.claim == Claim(by.id, self.world.clock.now() + CLAIM_LEASE)
        except NO_ANSWER:
            pass
        except WrongState:
            assert not legal
        self.look()

    @rule(id=notifications, by=moderators)
    def release(self, id: NotificationId, by: Actor) -> None:
        before = self.world.get(id)
        try:
            assert self.world.release(id, by=by).claim is None
        except NO_ANSWER:
            pass
        except WrongState:
            assert self.kept_out(before, by)
        self.look()

    def kept_out(self, it: Notification, by: Actor) -> bool:
        return it.claim is not None and it.claim.keeps_out(by.id, self.world.clock.now())

    @rule(red=st.booleans())
    def a_look_finds(self, red: bool) -> None:
        """Set what every look finds from now on."""
        self.world.inspector.findings = (RED,) if red else ()

    @rule(id=notifications)
    def cancel(self, id: NotificationId) -> None:
        self.move(id, Move.CANCEL, lambda: self.world.cancel(id), Status.CANCELLED)

    @rule(id=notifications)
    def stop(self, id: NotificationId) -> None:
        self.move(id, Move.STOP, lambda: self.world.stop(id), Status.STOPPED)

    @rule(id=notifications)
    def edit(self, id: NotificationId) -> None:
        before = self.world.get(id)
        try:
            edited = self.world.edit(id)
            new = before.status is Status.PENDING and edited.content != before.content
            assert edited.revision == before.revision + new
            assert not new or (edited.claim, edited.endorsements) == (None, ())
        except NO_ANSWER:
            pass
        except WrongState:
            assert before.status not in {Status.DRAFT, Status.PENDING}
        self.look()

    @rule(id=consumes(notifications))
    def delete(self, id: NotificationId) -> None:
        draft = self.ways[id][-1] is Status.DRAFT
        try:
            self.world.delete(id)
            assert draft
        except NO_ANSWER:
            pass
        except WrongState:
            assert not draft
        if id not in records(self.world.database):
            assert draft
            del self.ways[id]
        self.look()

    # ---- what the platform does ----------------------------------------------------------

    @precondition(lambda self: self.due())
    @rule(numbers=st.lists(st.integers(0, 50), min_size=1, max_size=8))
    def deliver(self, numbers: list[int]) -> None:
        """Deliver some of what is due, in any order."""
        for number in numbers:
            if due := self.due():
                delivery = due[number % len(due)]
                self.world.deliveries.remove(delivery)
                self.world.run(delivery.work)
                self.look()

    @precondition(lambda self: self.due())
    @rule(number=st.integers(0, 50))
    def deliver_twice(self, number: int) -> None:
        """Deliver something that is on its way now, and once more later."""
        due = self.due()
        self.world.run(due[number % len(due)].work)
        self.look()

    @rule(call=st.integers(1, 15), fault=st.sampled_from(FAULTS))
    def fail_soon(self, call: int, fault: Fault) -> None:
        self.world.hazard.strike(self.world.hazard.calls + call, fault)

    @rule(name=st.sampled_from(EFFECTS), fault=st.sampled_from(FAULTS), nth=st.integers(1, 3))
    def fail_at(self, name: str, fault: Fault, nth: int) -> None:
        self.world.hazard.strike_at(name, fault, nth=nth)

    @rule(seconds=st.sampled_from([1, 10, 91, 400, 3_600]))
    def pass_time(self, seconds: int) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))
        self.world.tick()
        self.look()

    @rule(answer=st.sampled_from([None, None, busy(), lost(), refused(), misconfigured()]))
    def push_services_say(self, answer: Answer | None) -> None:
        """Answer the same to every address, until the push services are themselves again."""
        self.world.push.will_all(answer)

    # ---- the model -----------------------------------------------------------------------

    def due(self) -> list[Any]:
        self.world.collect()
        now = self.world.clock.now()
        return sorted(it for it in self.world.deliveries if it.due <= now)

    def move(self, id: NotificationId, move: Move, do: Any, to: Status | None) -> None:
        """Make a move: it happens if it is in the table, unless a crash keeps it from happening."""
        status = self.ways[id][-1]
        legal = to is not None and to in TRANSITIONS.get((status, move), ())
        try:
            do()
            assert legal
        except NO_ANSWER:
            self.look({id: {to} if legal and to else set()})
            return
        except WrongState:
            assert not legal
            self.look()
            return
        assert to is not None
        self.ways[id].append(to)
        self.look()

    def look(self, maybe: dict[NotificationId, set[Status]] | None = None) -> None:
        """Check that nothing has changed but what may change by itself, or ``maybe`` has."""
        for id, way in self.ways.items():
            status = self.world.status(id)
            assert status is not None
            if status is way[-1]:
                continue
            asked_for = (maybe or {}).get(id, set())
            assert status in asked_for or (way[-1], status) in BY_THEMSELVES
            way.append(status)

    @invariant()
    def the_history_is_sound_and_tells_every_move(self) -> None:
        for id, way in self.ways.items():
            entries = self.world.history(id)
            assert not broken_links(entries)
            assert [e.status for e in entries if e.move not in set(Note)] == way
            it = self.world.get(id)
            assert (it.head.count, it.head.hash) == (len(entries), entries[-1].hash)

    @invariant()
    def a_terminal_status_is_the_last(self) -> None:
        for way in self.ways.values():
            assert not TERMINAL.intersection(way[:-1])

    @invariant()
    def counters_never_run_ahead_of_the_ledger(self) -> None:
        for id in self.ways:
            said, ledger = self.world.get(id).tally, self.world.ledger.tally(id)
            for name in ("targeted", "delivered", "failed", "skipped", "unknown"):
                assert getattr(said, name) <= getattr(ledger, name)

    @invariant()
    def what_is_decided_is_nobodys_claim(self) -> None:
        for id in self.ways:
            it = self.world.get(id)
            assert it.claim is None or it.status is Status.PENDING

    @invariant()
    def nothing_red_is_sent_on_one_persons_word(self) -> None:
        for id in self.ways:
            it = self.world.get(id)
            moves = [entry.move for entry in self.world.history(id)]
            if "approve" in moves and has_red(it.findings):
                assert "endorse" in moves or ran(it).failure_reason is FailureReason.LINK_CHANGED

    @invariant()
    def nothing_is_sent_that_was_not_approved(self) -> None:
        for id, way in self.ways.items():
            if Status.SENDING not in way:
                assert not self.world.push.reached(id)
                assert not self.world.batches(id)

    @invariant()
    def each_device_is_in_one_batch_and_keeps_its_outcome(self) -> None:
        for id in self.ways:
            batches = self.world.batches(id)
            targeted = Counter(t.hwid for batch in batches for t in batch.targets)
            assert set(targeted.values()) <= {1}
            for hwid, record in self.world.records(id).items():
                if record.outcome is not Outcome.OPEN:
                    assert self.outcomes.setdefault((id, hwid), record) == record

    def teardown(self) -> None:
        self.world.hazard.calm()
        self.world.push.will_all(None)
        self.world.drain()
        self.look()
        for id, way in self.ways.items():
            assert way[-1] in TERMINAL | {Status.DRAFT, Status.PENDING}
            if Status.SENDING in way:
                assert faults(self.world, id) == []
        assert sent_again(self.world, self.ways) <= most_sent_again(self.world)


TestFanfare = Fanfare.TestCase
TestFanfare.settings = settings(
    max_examples=int(os.environ.get("FANFARE_EXAMPLES", "200")),
    stateful_step_count=50,
    derandomize=os.environ.get("CI") == "true",
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
