"""``fanfare``'s output about a notification before it is decided on, and its questions to the user.

An approval approves all of it: the texts, the link, the image, whom it reaches. So all of it is
shown, and what is decided is the revision that was shown.
"""

import sys

import click

from cli.terminal import quote, say
from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content
from shared.domain.errors import TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification
from shared.domain.notifications.review import approvals_needed
from shared.domain.providers.provider import verified
from shared.wiring import Parts, counting

_WIDTH = 13


def revision_to_decide(p: Parts, it: Notification, named: int | None, action: str) -> int:
    """Return the revision that was named, or else the one that is shown now and agreed to.

    What is decided already is not asked about: the decision itself says so.
    """
    if named is not None:
        return named
    if it.status is not Status.PENDING:
        return it.revision
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"There is nobody to ask: read it with `fanfare status`, then name what you read with "
            f"--revision (it is revision {it.revision} now)."
        )
    tell_content(it.content)
    tell_review(p, it)
    click.confirm(f"{action} revision {it.revision}?", abort=True)
    return it.revision


def tell_content(content: Content) -> None:
    """Print everything a person at a device sees of it, and for how long."""
    for name, text in content.texts.items():
        say(name)
        quote(text)
    _row("link", content.url or "none")
    if content.url:
        _row("button", content.button)
    _row("image", content.image or "none")
    if content.force_timer is not None:
        _row("dialog", f"stays for {content.force_timer} seconds")
    if content.expiry_seconds is not None:
        _row("expires", f"{content.expiry_seconds:,} seconds after sending begins")


def tell_segment(it: Notification) -> Segment:
    """Show whom it was or would be for, by its filters, and return them."""
    segment = it.segment or Segment()
    filters = segment.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    _row("for", ", ".join(f"{name} {_words(value)}" for name, value in filters.items()) or "all")
    return segment


def tell_review(p: Parts, it: Notification) -> None:
    """Print whom it would reach now, what was found in it, and who must approve it."""
    segment = tell_segment(it)
    domains = segment.domains_of(verified(p.providers.domains_of(it.provider_id)))
    _row("on", ", ".join(domains) or "no verified domain")
    counted = _tell_audience(p, it)
    for finding in it.findings:
        _row(str(finding.severity), f"{finding.field}: {finding.sentence}")
    if it.claim and it.claim.until > p.clock.now():
        _row("read by", f"{it.claim.moderator_id}, until {it.claim.until:%H:%M:%S} UTC")
    given = [each.moderator_id for each in it.endorsements]
    needed = approvals_needed(counted, p.review_policies.get())
    _row("approvals", f"{len(given)} of {needed}{''.join(f', {uid}' for uid in given)}")


def _tell_audience(p: Parts, it: Notification) -> Notification:
    """Return the notification with the count of now, or with the last one if it fails."""
    before = "never" if it.estimated_devices is None else f"{it.estimated_devices:,}"
    try:
        counted = it.recounted(counting(p)(it))
    except TryAgain:
        _row("audience", f"cannot be counted now; it was {before} devices when last counted")
        return it
    _row("audience", f"{counted.estimated_devices:,} devices now, {before} when last counted")
    return counted


def _words(value: object) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)


def _row(name: str, text: str) -> None:
    say(f"{name:<{_WIDTH}}{text}")
