"""The messages about a notification in the moderators' chat, at every point of its life.

Each stranger's text has its own frame and its own length, so that all of them together always fit
into one message and none can push another out of sight. Buttons stand under one that waits, and
carry the revision they were shown with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.domain.chat.text import Button, Card, Sheet, Style, neutral, units
from shared.domain.content.content import Content
from shared.domain.delivery.run import FailureReason
from shared.domain.findings.finding import Finding, Severity
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification
from shared.domain.notifications.review import Template
from shared.domain.providers.admin_hwids import AdminHwidsChange, mark_of
from shared.domain.tally import ENDS

MOST_DATA_BYTES = 64
MOST_FINDINGS = 6
MOST_FINDING_UNITS = 90
MOST_REGIONS = 10
MOST_TEMPLATES = 20
APPROVE, REJECT = "a", "r"

_SIGNS = {Severity.RED: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}
_FAILED: Mapping[str, str] = {
    FailureReason.PREMIUM_LAPSED: "the provider's premium has lapsed",
    FailureReason.NO_VERIFIED_DOMAIN: "the provider has no verified domain any more",
    FailureReason.NO_AUDIENCE: "nobody was there to get it",
    FailureReason.CREDENTIALS_REFUSED: "the push service refuses our credentials",
    FailureReason.EVERY_PUSH_FAILED: "every push failed",
    FailureReason.LINK_CHANGED: "its link or image is no longer what was approved",
    FailureReason.REDS_FOUND: "something red was found right before the send",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """The number of devices it would reach now.

    ``regions`` counts those the segment names, the first of them. Where it names none, they are
    what was found among ``sampled`` devices.
    """

    total: int
    platforms: Mapping[str, int] = field(default_factory=dict)
    regions: Mapping[str, int] = field(default_factory=dict)
    more_regions: int = 0
    sampled: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """A notification and all that is shown beside it. ``people`` are names by uid."""

    notification: Notification
    now: datetime
    provider: str = ""
    record: Mapping[Status, int] = field(default_factory=dict)
    reach: Reach | None = None
    approvals_needed: int = 1
    people: Mapping[str, str] = field(default_factory=dict)


def card_of(facts: Facts) -> Card:
    """Write the card of the notification as it is."""
    it, sheet = facts.notification, Sheet()
    _head(sheet, facts)
    _content(sheet, it.content)
    _audience(sheet, it, facts.reach)
    _provider(sheet, facts)
    if it.status is Status.PENDING:
        _findings(sheet, it.findings)
    buttons = buttons_of(it)
    sheet.line()
    if it.status is Status.PENDING and not buttons:
        sheet.line("Too long an id for buttons: decide in the console.", Style.ITALIC)
    since = time(it.waits_since)
    sheet.say(f"Revision {it.revision}, since {since}, ").say(it.id, Style.CODE)
    return sheet.card(buttons=buttons, image=it.content.image or "")


def buttons_of(it: Notification) -> tuple[Button, ...]:
    """List the buttons, yes and no to this revision, while there is something to decide."""
    if it.status is not Status.PENDING:
        return ()
    found = (
        Button("✅ Approve", f"{APPROVE}:{it.id}:{it.revision}"),
        Button("⛔ Reject", f"{REJECT}:{it.id}:{it.revision}"),
    )
    fits = all(len(button.data.encode()) <= MOST_DATA_BYTES for button in found)
    return found if fits else ()


@dataclass(frozen=True, slots=True)
class ButtonData:
    """The data of a button that is pressed."""

    action: str
    id: str
    revision: int


def button_data(data: str) -> ButtonData | None:
    """Read the data of a button; ``None`` for what no button of ours says."""
    action, _, rest = data.partition(":")
    id, _, revision = rest.rpartition(":")
    sound = action in {APPROVE, REJECT} and id and revision.isascii() and revision.isdigit()
    return ButtonData(action, id, int(revision)) if sound and len(revision) < 10 else None


def question(
    it: Notification, moderator: tuple[int, str], templates: Sequence[Template], hours: int
) -> Card:
    """Ask why it is rejected; ``moderator`` is a user of the chat and their name."""
    user, name = moderator
    sheet = Sheet().say(one_line(name, 60) or "Moderator", Style.MENTION, user=user)
    sheet.line(", why do you reject this one?").quote(it.content.title or "", 200)
    sheet.line("Reply to this message; the provider reads your words.")
    if templates:
        sheet.line("Or reply with a number:")
        for number, template in enumerate(templates[:MOST_TEMPLATES], start=1):
            sheet.say(f"{number}  ").line(one_line(template.title, 100), Style.CODE)
    sheet.say(f"Revision {it.revision}. Good for {hours} hours.", Style.ITALIC)
    return sheet.card(hint="The reason, for the provider")


def note(words: str) -> Card:
    """Write a sentence of ours."""
    return Card(words)


def reminder(id: str, waits: timedelta) -> Card:
    """Remind moderators that the queue is late."""
    minutes = int(waits.total_seconds()) // 60
    sheet = Sheet().say(f"⏰ A notification has waited for {minutes:,} minutes: ")
    return sheet.say(id, Style.CODE).card()


def devices_changed(change: AdminHwidsChange) -> Card:
    """Tell who changed which devices a provider sends to without moderation."""
    sheet = Sheet().say("📱 Admin devices of ").say(one_line(change.domain, 120), Style.CODE)
    sheet.say(f" changed by {one_line(change.by, 120)}, {time(change.at)}.")
    for word, hwids in (("Added", change.added), ("Removed", change.removed)):
        if hwids:
            marks = ", ".join(mark_of(change.domain, hwid) for hwid in hwids)
            sheet.line(f"{word}: {marks}")
    return sheet.line("They get its notifications without moderation.").card()


def decision_text(it: Notification, people: Mapping[str, str]) -> str:
    """Tell what became of it, and by whom, in a sentence of at most 200 characters."""
    who = one_line(_name(it.moderator_id, people), 60)
    at = f", {time(it.moderated_at)}" if it.moderated_at else ""
    if it.status is Status.CANCELLED:
        return f"The provider canceled the delivery{_at(it.cancellation and it.cancellation.at)}"
    if it.status is Status.REJECTED:
        return f"Rejected by {who}{at}"
    if it.status is Status.PENDING:
        return "It still waits for a decision"
    if it.auto_approved:
        return "Sent without moderation, to the provider's own test device"
    return f"Approved by {who}{at}"


def time(at: datetime | None) -> str:
    """Write a moment to the minute, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "-"


def one_line(text: str, most: int) -> str:
    """Make a stranger's text fit a line of ours: harmless, short, without a break."""
    shown = neutral(text)
    while units(shown) > most:
        shown = shown[: most - 1].rstrip() + "…" if len(shown) > most else shown[:-2] + "…"
    return shown


# ---- the parts of a card ---------------------------------------------------------------------


def _head(sheet: Sheet, facts: Facts) -> None:
    it = facts.notification
    if it.status is Status.PENDING:
        _say_waiting(sheet, facts)
        return
    signs = {Status.REJECTED: "⛔", Status.CANCELLED: "↩️"}
    sheet.say(f"{signs.get(it.status, '✅') if it.status else '·'} ")
    sheet.line(decision_text(it, facts.people), Style.BOLD)
    for first in it.endorsements:
        if first.moderator_id != it.moderator_id:
            name = one_line(_name(first.moderator_id, facts.people), 60)
            sheet.line(f"First approval by {name}, {time(first.at)}")
    _ending(sheet, it)


def _say_waiting(sheet: Sheet, facts: Facts) -> None:
    it = facts.notification
    sheet.say("🔔 ").line("Waits for a decision", Style.BOLD)
    if facts.approvals_needed > 1:
        sheet.line(f"Needs {facts.approvals_needed} approvals, by different moderators")
    for endorsement in it.endorsements:
        name = one_line(_name(endorsement.moderator_id, facts.people), 60)
        sheet.line(f"👍 Approved by {name}, {time(endorsement.at)}")
    if it.claim and it.claim.until > facts.now:
        name = one_line(_name(it.claim.moderator_id, facts.people), 60)
        sheet.line(f"👀 {name} reads it until {time(it.claim.until)}")


def _ending(sheet: Sheet, it: Notification) -> None:
    run = it.run
    if it.status is Status.REJECTED:
        sheet.quote(it.moderator_comment or "", 300, lines=True)
    elif it.status in {Status.SENDING, Status.SCHEDULED, Status.ACTIVE}:
        sheet.line(f"Now: {it.status}")
    elif it.status is Status.FAILED:
        why = _FAILED.get((run and run.failure_reason) or "", "nobody got it")
        sheet.line(f"❗ Failed{_at(run and run.ended_at)}: {why}")
    elif it.status in {Status.APPROVED, Status.STOPPED}:
        what = "Stopped" if it.status is Status.STOPPED else "Distributed"
        totals = it.tally.totals
        sums = ", ".join(f"{totals[name]:,} {name}" for name in ENDS)
        sheet.line(f"{what}{_at(run and run.ended_at)}: {sums}")


def _content(sheet: Sheet, content: Content) -> None:
    sheet.line()
    for name, text in content.texts.items():
        long = name == "body"
        sheet.line(name.capitalize(), Style.BOLD).quote(text, 1100 if long else 200, lines=long)
    if content.url:
        sheet.line("Button", Style.BOLD).quote(content.button, 120)
        sheet.line("Leads to", Style.BOLD).quote(content.url, 300)
    if content.image:
        sheet.line("Image", Style.BOLD).quote(content.image, 200)
    if content.force_timer:
        sheet.line(f"In a dialog that stays for {content.force_timer} seconds")
    if content.expiry_seconds:
        sheet.line(f"Expires {_span(content.expiry_seconds)} after it is sent")


def _span(seconds: int) -> str:
    parts = []
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number} {unit}{'s' * (number > 1)}")
    return " ".join(parts)


def _audience(sheet: Sheet, it: Notification, reach: Reach | None) -> None:
    total = reach.total if reach else it.estimated_devices
    sheet.say("Audience: ", Style.BOLD).line("unknown" if total is None else f"{total:,} devices")
    if reach and reach.platforms:
        sheet.line(_sums(reach.platforms))
    if reach and reach.regions:
        of = f"Of {reach.sampled:,} looked at: " if reach.sampled else ""
        more = f" · {reach.more_regions} more regions" if reach.more_regions else ""
        sheet.line(of + _sums(reach.regions) + more)
    if filters := it.segment.words() if it.segment else "":
        sheet.quote(filters, 150)


def _provider(sheet: Sheet, facts: Facts) -> None:
    it, record = facts.notification, facts.record
    sheet.line("Provider", Style.BOLD)
    sheet.quote(" · ".join(filter(None, (facts.provider, it.provider_email))), 150)
    sheet.line(
        f"Before: {record.get(Status.APPROVED, 0):,} approved, "
        f"{record.get(Status.REJECTED, 0):,} rejected, {record.get(Status.STOPPED, 0):,} stopped"
    )


def _findings(sheet: Sheet, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    gravest = sorted(findings, key=lambda each: list(_SIGNS).index(each.severity))
    sheet.line().line("Findings", Style.BOLD)
    for each in gravest[:MOST_FINDINGS]:
        sheet.say(f"{_SIGNS[each.severity]} {each.field} ")
        sheet.line(one_line(each.sentence, MOST_FINDING_UNITS), Style.CODE)
    if len(gravest) > MOST_FINDINGS:
        sheet.line(f"and {len(gravest) - MOST_FINDINGS} more")


def _sums(counts: Mapping[str, int]) -> str:
    return " · ".join(f"{name} {number:,}" for name, number in counts.items())


def _name(uid: str | None, people: Mapping[str, str]) -> str:
    return people.get(uid or "") or uid or "nobody we know"


def _at(at: datetime | None) -> str:
    return f", {time(at)}" if at else ""
