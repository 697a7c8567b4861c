"""``fanfare`` decides by the moderators' rules, and reads a history aloud."""

from shared.domain.findings.finding import Finding, Severity
from shared.domain.notifications.notification import NotificationId, SubmissionCheck
from shared.domain.notifications.review import ReviewPolicy, Template
from tests.builders import MODERATOR, NOON, PROVIDER, a_notification
from tests.local.conftest import Fanfare
from tests.notification_documents import alter_entry, remove_entry
from tests.parts import MemoryParts

N1 = NotificationId("n1")
READ = ("--revision", "1")
RED = Finding("ipHost", Severity.RED, "url", "The address names a machine by number.")


def submitted(world: MemoryParts, *findings: Finding) -> None:
    new, looked = a_notification(N1, status=None), SubmissionCheck(findings, 3)
    world.notifications.create(new.submit(PROVIDER, NOON, admin_hwid=False, check=looked))


def test_a_history_is_told_with_its_chain(world: MemoryParts, fanfare: Fanfare) -> None:
    submitted(world, RED)
    world.notifications.change(N1, lambda it: it.take(MODERATOR, NOON))
    told = fanfare("history", N1)
    assert told.exit_code == 0
    moves = [line.split()[4] for line in told.output.splitlines() if line[:4].strip().isdigit()]
    assert moves == ["submit", "findings", "claim"]
    assert "moderator:m1" in told.output
    assert "“url ipHost”" in told.output
    assert told.output.endswith("history chain: sound, 3 entries\n")


def test_a_history_that_was_touched_is_an_error(world: MemoryParts, fanfare: Fanfare) -> None:
    submitted(world, RED)
    alter_entry(world.database, N1, 2, reason="nothing")
    altered = fanfare("history", N1)
    assert altered.exit_code == 1
    assert "history chain: BROKEN" in altered.output
    assert "entry 2 was altered" in altered.output
    remove_entry(world.database, N1, 2)
    cut = fanfare("history", N1)
    assert cut.exit_code == 1
    assert "2 entries and 1 are there" in cut.output


def test_the_terminal_is_neither_pair_of_eyes_where_two_are_needed(
    world: MemoryParts, fanfare: Fanfare
) -> None:
    submitted(world, RED)
    refused = fanfare("approve", N1, *READ)
    assert refused.exit_code == 1
    assert refused.output == (
        "Error: two moderators must approve this one: it has a red finding; "
        "an operator may reject it\n"
    )
    world.notifications.change(N1, lambda it: it.approve(MODERATOR, NOON))
    assert fanfare("approve", N1, *READ).exit_code == 1
    assert world.notifications.get(N1).status == "pending"
    assert fanfare("reject", N1, *READ, "-c", "no").output == "n1 is rejected\n"
    assert [(it.move, it.actor) for it in world.notifications.history(N1)][-2:] == [
        ("endorse", "moderator:m1"),
        ("reject", "operator:cli:olga"),
    ]


def test_where_one_approval_is_enough_the_terminal_gives_it(
    world: MemoryParts, fanfare: Fanfare
) -> None:
    submitted(world)
    assert fanfare("approve", N1, *READ).output == "n1 is sending\n"
    entry = world.notifications.history(N1)[-1]
    assert (entry.move, entry.actor) == ("approve", "operator:cli:olga")


def test_the_terminal_keeps_out_of_what_a_moderator_reads(
    world: MemoryParts, fanfare: Fanfare
) -> None:
    submitted(world)
    now = world.clock.now()
    world.notifications.change(N1, lambda it: it.take(MODERATOR, now))
    refused = fanfare("reject", N1, *READ, "-c", "no")
    assert (refused.exit_code, "m1 reads this one" in refused.output) == (1, True)


def test_an_operator_ends_anybodys_claim(world: MemoryParts, fanfare: Fanfare) -> None:
    submitted(world)
    now = world.clock.now()
    world.notifications.change(N1, lambda it: it.take(MODERATOR, now))
    assert fanfare("release", N1).output == "n1 is pending, and nobody reads it\n"
    entry = world.notifications.history(N1)[-1]
    assert (entry.move, entry.actor) == ("release", "operator:cli:olga")
    assert fanfare("reject", N1, *READ, "-c", "no").exit_code == 0
    assert fanfare("release", "none").exit_code == 1


def test_a_rejection_takes_a_template(world: MemoryParts, fanfare: Fanfare) -> None:
    world.review_policies.put(ReviewPolicy(templates=(Template("loud", "Loud", "Quiet!"),)))
    submitted(world)
    assert fanfare("reject", N1, *READ).exit_code == 1
    assert fanfare("reject", N1, *READ, "-t", "loud").output == "n1 is rejected\n"
    assert world.notifications.get(N1).moderator_comment == "Quiet!"
