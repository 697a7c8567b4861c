"""``fanfare``: what an operator does at a terminal.

It calls the same verbs as the functions, with the operator's own Google credentials, against the
project in GOOGLE_CLOUD_PROJECT; without that variable, against the local stack that is running.
"""

import getpass
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from local import cli_archive
from local.cli_cost import cost
from local.telegram_commands import telegram
from shared.adapters.documents import to_json
from shared.domain.delivery import Outcome, Tally
from shared.domain.errors import Defect, Refusal, TryAgain
from shared.domain.history import Actor, Role, chain_faults
from shared.domain.lifecycle import Status
from shared.domain.notification import Notification, NotificationId
from shared.flow import count, devices, explain, moderate
from shared.settings import SettingsError
from shared.wiring import Parts, parts

COUNTERS = ("targeted", "delivered", "failed", "skipped", "unknown", "open")

NEED_NO_PROJECT = {cost.name}


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Refusals become one sentence and exit code 1, not a stack trace."""

    @wraps(command)
    def told(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except (Refusal, TryAgain) as refusal:
            raise click.ClickException(refusal.message) from None
        except (Defect, SettingsError) as fault:
            raise click.ClickException(str(fault)) from None

    return told


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96})
@click.option(
    "--stack-file",
    type=click.Path(path_type=Path),
    help="The running local stack to use when GOOGLE_CLOUD_PROJECT is not set.",
)
def main(stack_file: Path | None) -> None:
    """Operate Fanfare from a terminal.

    Uses the project in GOOGLE_CLOUD_PROJECT with your own Google credentials; without that
    variable, the local stack that `make run` started.

    \b
    fanfare status                      what waits, what is being sent, what ended
    fanfare status ID                   one notification with its counters and history
    fanfare history ID                  what happened to it, and whether that was altered
    fanfare explain ID HWID             why a device got it, or did not
    fanfare reconcile ID                recompute every counter from the ledger
    fanfare archive verify              whether the archive is what was archived
    fanfare approve ID                  decide, as a moderator would
    fanfare reject ID -c "no source"
    fanfare release ID                  end anybody's claim
    fanfare telegram chats              groups and people with their numbers
    fanfare telegram setup              agree with Telegram on the moderators' bot
    fanfare cost --devices 250000       what that costs at list price
    """
    if "GOOGLE_CLOUD_PROJECT" in os.environ and stack_file is None:
        return
    if click.get_current_context().invoked_subcommand in NEED_NO_PROJECT:
        return
    from local.stack_file import STACK_FILE, Stack, StackError

    try:
        stack = Stack.load(stack_file or STACK_FILE)
    except StackError as missing:
        raise click.UsageError(
            f"{missing} Or set GOOGLE_CLOUD_PROJECT to work on a real project."
        ) from None
    os.environ.update(stack.environment())


@main.command()
@click.option("--devices", "number", default=2000, show_default=True, type=click.IntRange(1))
@plainly
def seed(number: int) -> None:
    """Fill a demo project with people, domains and devices."""
    from local import seed as seeding

    with click.progressbar(length=number, label="Devices", file=sys.stderr) as bar:
        done = 0

        def progress(now: int) -> None:
            nonlocal done
            bar.update(now - done)
            done = now

        seeding.seed_here(number, progress)
    for sentence in seeding.told(number):
        click.echo(sentence)


@main.command()
@click.argument("id", required=False)
@click.option("--json", "as_json", is_flag=True, help="The record as JSON.")
@plainly
def status(id: str | None, as_json: bool) -> None:
    """One notification with its counters and history, or the moderation queue without ID."""
    p = parts()
    if id is None:
        _queue(p)
        return
    notification = p.notifications.get(NotificationId(id))
    if as_json:
        click.echo(json.dumps(to_json(notification), indent=2, ensure_ascii=False))
        return
    _record(notification)
    _history(p, notification)


@main.command()
@click.argument("id")
@plainly
def history(id: str) -> None:
    """What happened to a notification, and whether its chain is sound."""
    p = parts()
    it = p.notifications.get(NotificationId(id))
    faults = _chain(p, it)
    if faults:
        raise Defect(f"the history of {id} is not what was written: {'; '.join(faults)}")


@main.command(name="explain")
@click.argument("id")
@click.argument("hwid")
@plainly
def explain_(id: str, hwid: str) -> None:
    """Why a device got a notification, or did not: rule, batch, outcome, answer and time."""
    p = parts()
    notification = p.notifications.get(NotificationId(id))
    why = explain.explain(
        notification, hwid, providers=p.providers, devices=p.devices, ledger=p.ledger, clock=p.clock
    )
    if why.record is None:
        when = "was" if why.planned else "would be"
        click.echo(
            f"not targeted: {when} left out by {', '.join(why.misses)}"
            if why.misses
            else "not planned yet; by its filters the device would be targeted"
        )
        return
    click.echo(f"targeted, in batch {why.batch}, {why.attempts} attempt(s)")
    said = why.record.receipt or why.record.code or "-"
    open_ = why.record.outcome is Outcome.OPEN
    click.echo(f"{'still open' if open_ else why.record.outcome}: {said}, {_time(why.record.at)}")


@main.command()
@click.argument("id")
@plainly
def reconcile(id: str) -> None:
    """Recompute every counter from the ledger, record by record, and mend what differs."""
    p = parts()
    before, sums = count.reconcile(
        NotificationId(id), notifications=p.notifications, ledger=p.ledger, clock=p.clock
    )
    click.echo(f"{'':<11}{'record':>10}{'ledger':>10}")
    for name in COUNTERS:
        was, now = _sum(before.tally, name), _sum(sums, name)
        click.echo(f"{name:<11}{was:>10,}{now:>10,}{'' if was == now else '   mended'}")
    agrees = before.tally == sums
    click.echo("the record agrees with the ledger" if agrees else "the record was set right")


@main.command()
@click.argument("id")
@click.option("--revision", type=int, help="Refuse if the provider edited it since.")
@plainly
def approve(id: str, revision: int | None) -> None:
    """Approve a pending notification: it is sent at once.

    One that needs two approvals takes two moderators; an operator may only reject it.
    """
    p = parts()
    decided = moderate.approve(
        NotificationId(id),
        by=_operator(),
        revision=revision,
        notifications=p.notifications,
        providers=p.providers,
        policies=p.review_policies,
        moderators=p.moderators,
        clock=p.clock,
    )
    click.echo(f"{id} is {decided.status}")


@main.command()
@click.argument("id")
@click.option("-c", "--comment", default="", help="Why; the provider reads it.")
@click.option("-t", "--template", help="A template that says why; a comment adds to it.")
@plainly
def reject(id: str, comment: str, template: str | None) -> None:
    """Reject a pending notification, with a comment."""
    p = parts()
    decided = moderate.reject(
        NotificationId(id),
        comment,
        by=_operator(),
        template=template,
        notifications=p.notifications,
        providers=p.providers,
        policies=p.review_policies,
        clock=p.clock,
    )
    click.echo(f"{id} is {decided.status}")


@main.command()
@click.argument("id")
@plainly
def release(id: str) -> None:
    """End the claim of whoever reads a pending notification: somebody else may decide."""
    p = parts()
    free = moderate.release(
        NotificationId(id), by=_operator(), notifications=p.notifications, clock=p.clock
    )
    click.echo(f"{id} is {free.status}, and nobody reads it")


@main.command()
@plainly
def backfill() -> None:
    """Derive what queries need on every device an existing back end wrote without it."""
    number = 0
    for number, _ in enumerate(devices.backfill(devices=parts().devices), start=1):
        if number % 500 == 0:
            click.echo(f"{number:,} devices so far", err=True)
    click.echo(f"{number:,} devices brought up to date")


def _queue(p: Parts) -> None:
    waiting = moderate.queue(
        moderate.QueueWish(),
        by=_operator(),
        notifications=p.notifications,
        policies=p.review_policies,
        clock=p.clock,
    ).items
    if not waiting:
        click.echo("nothing waits for a moderator")
    for each in waiting:
        it = each.notification
        late = "  overdue" if each.overdue else ""
        click.echo(
            f"{it.id}  {_time(it.waits_since)}  {it.provider_email:<28} {it.content.title}{late}"
        )


def _record(it: Notification) -> None:
    click.echo(f"{it.id}  {it.status}  revision {it.revision}")
    click.echo(f"{it.content.title}\n{it.content.body}")
    click.echo(f"by {it.provider_email} ({it.provider_id})")
    for name in COUNTERS:
        click.echo(f"  {name:<10}{_sum(it.tally, name):>10,}")
    for code, number in it.tally.errors.items():
        click.echo(f"    {code:<22}{number:>8,}")
    if it.status is Status.FAILED:
        click.echo(f"failed: {it.failure_reason}")
    for finding in it.findings:
        click.echo(f"{finding.severity}: {finding.field}: {finding.sentence}")


def _chain(p: Parts, it: Notification) -> list[str]:
    entries = p.notifications.history(it.id)
    for entry in entries:
        way = f"{entry.origin or '–'} → {entry.status}"
        click.echo(
            f"{entry.number:>4}  {_time(entry.at)}  {entry.move:<9} {way:<20} "
            f"revision {entry.revision}  {entry.hash[:12]}  {entry.actor}"
        )
        if entry.reason:
            click.echo(f"      “{entry.reason}”")
    faults = chain_faults(entries, it.history_count, it.history_hash)
    told = "BROKEN" if faults else f"sound, {len(entries)} entries"
    click.echo(f"history chain: {told}")
    return faults


def _history(p: Parts, it: Notification) -> None:
    entries = p.notifications.history(it.id)
    for entry in entries:
        reason = f"  “{entry.reason}”" if entry.reason else ""
        click.echo(f"  {_time(entry.at)}  {entry.move:<9}{entry.actor}{reason}")
    whole = not chain_faults(entries, it.history_count, it.history_hash)
    click.echo("  history chain: sound" if whole else "  history chain: BROKEN")


def _sum(tally: Tally, name: str) -> int:
    return int(getattr(tally, name))


def _operator() -> Actor:
    return Actor(Role.OPERATOR, f"cli:{getpass.getuser()}")


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC") if at else "-"


main.add_command(cost)
main.add_command(cli_archive.commands(plainly))


main.add_command(telegram)


if __name__ == "__main__":
    main()
