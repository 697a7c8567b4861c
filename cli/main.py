"""``fanfare``: what an operator does at a terminal.

It calls the same verbs as the functions, with the operator's own Google credentials, against the
project in GOOGLE_CLOUD_PROJECT; without that variable, against the local stack that is running.
"""

import getpass
import os
import sys
from datetime import timedelta
from pathlib import Path

import click

from cli import archive as cli_archive
from cli.account import account
from cli.cost import cost
from cli.device import device, reset
from cli.errors import cli_errors
from cli.record import tell_chain, tell_difference, tell_history, tell_record, utc
from cli.review import revision_to_decide
from cli.telegram import telegram
from cli.terminal import json_text, say, show_log
from functions.http.notification import notification_json
from shared.domain.actors import Actor, Role
from shared.domain.chat.text import neutral
from shared.domain.codes import sentence
from shared.domain.delivery.ledger import Outcome
from shared.domain.errors import Defect
from shared.domain.notifications.notification import NotificationId
from shared.flow.audience import devices
from shared.flow.delivery import count, explain
from shared.flow.moderation import moderate
from shared.wiring import Parts, counting, parts

NEED_NO_PROJECT = {cost.name}
ONLY_EXPLAINS = "cli.main.only_explains"
NAMES_ITS_SERVER = "cli.main.names_its_server"
GATEWAY = "FANFARE_FUNCTIONS_URL"


class Fanfare(click.Group):
    """The command group, whose help needs no project to work on."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and in passing whether it only explains itself, and whether it is a
        device's, which names its server and needs none of its project.
        """
        name, command, rest = super().resolve_command(ctx, args)
        is_bare = isinstance(command, click.Group) and not rest
        ctx.meta[ONLY_EXPLAINS] = is_bare or not {"-h", "--help"}.isdisjoint(rest)
        named = os.environ.get(GATEWAY) or any(it.startswith("--gateway") for it in rest)
        ctx.meta[NAMES_ITS_SERVER] = name == device.name and rest[:1] != [reset.name] and named
        return name, command, rest


@click.group(
    cls=Fanfare, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96}
)
@click.version_option(package_name="fanfare", prog_name="fanfare")
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
    fanfare status                      what waits for a moderator
    fanfare status ID                   one notification, with all that is to know of it
    fanfare history ID                  what happened to it, and whether that was altered
    fanfare explain ID HWID             why a device got it, or did not
    fanfare reconcile ID                recompute every counter from the ledger
    fanfare archive verify              whether the archive is what was archived
    fanfare approve ID                  read it, then decide, as a moderator would
    fanfare reject ID -c "no source"    the provider reads why
    fanfare domain NAME                 a domain, and who changed what goes round moderation
    fanfare release ID                  end anybody's claim
    fanfare device listen               be notified on this computer
    fanfare account invite EMAIL        an account whose owner sets the password
    fanfare device reset HWID           let a device that lost its secret register anew
    fanfare telegram chats              groups and people with their numbers
    fanfare telegram setup              agree with Telegram on the moderators' bot
    fanfare cost --devices 250000       what that costs at list price
    """
    show_log()
    if os.environ.get("GOOGLE_CLOUD_PROJECT") and stack_file is None:
        return
    ctx = click.get_current_context()
    if ctx.invoked_subcommand in NEED_NO_PROJECT or ctx.meta[ONLY_EXPLAINS]:
        return
    if ctx.meta[NAMES_ITS_SERVER] and stack_file is None:
        return
    from local.stack_file import STACK_FILE, StackError, running

    try:
        stack = running(stack_file or STACK_FILE)
    except StackError as missing:
        told = f"{missing} Or set GOOGLE_CLOUD_PROJECT to work on a real project."
        raise click.UsageError(neutral(told, lines=True)) from None
    os.environ.update(stack.environment())


@main.command()
@click.option(
    "--devices",
    "number",
    default=2000,
    show_default=True,
    type=click.IntRange(1),
    help="How many, of every platform.",
)
@cli_errors
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
    for line in seeding.summary(number):
        click.echo(line)


@main.command()
@click.argument("id", required=False)
@click.option("--json", "as_json", is_flag=True, help="The record, or all that wait, as JSON.")
@cli_errors
def status(id: str | None, as_json: bool) -> None:
    """One notification with its counters, or what waits.

    With ID: all that an approval approves, its counters and history. Without: the moderation
    queue, the 100 that wait longest, with the moment since which each waits.
    """
    p = parts()
    if id is None:
        _queue(p, as_json=as_json)
        return
    notification = p.notifications.get(NotificationId(id))
    if as_json:
        click.echo(json_text(notification_json(notification)))
        return
    tell_record(p, notification)
    tell_history(p, notification)


@main.command()
@click.argument("id")
@cli_errors
def history(id: str) -> None:
    """What happened to it, and whether that was altered.

    Exit code 1 when the chain of its entries is broken.
    """
    p = parts()
    it = p.notifications.get(NotificationId(id))
    faults = tell_chain(p, it)
    if faults:
        raise Defect(f"the history of {id} is not what was written: {'; '.join(faults)}")


@main.command(name="explain")
@click.argument("id")
@click.argument("hwid")
@cli_errors
def explain_(id: str, hwid: str) -> None:
    """Why a device got a notification, or did not.

    By which filter it was left out, or in which batch it was, with outcome, answer and time.
    """
    p = parts()
    notification = p.notifications.get(NotificationId(id))
    why = explain.explain(notification, hwid, needs=p)
    if why.record is None:
        when = "was" if why.planned else "would be"
        if not why.is_known:
            click.echo("not targeted: none of the provider's devices has this hwid")
        elif why.misses:
            click.echo(f"not targeted: {when} left out by {', '.join(why.misses)}")
        else:
            click.echo("not planned yet; by its filters the device would be targeted")
        _tell_unreadable(why)
        return
    say(f"targeted, in batch {why.batch}, {why.attempts} attempt(s)")
    answer = why.record.receipt or why.record.code or "-"
    open_ = why.record.outcome is Outcome.OPEN
    say(f"{'still open' if open_ else why.record.outcome}: {answer}, {utc(why.record.at)}")
    if code := why.record.code:
        click.echo(sentence(code))
    _tell_unreadable(why)


def _tell_unreadable(why: explain.Explanation) -> None:
    if why.unreadable:
        say(f"cannot be read in its document: {', '.join(why.unreadable)}")


@main.command()
@click.argument("id")
@cli_errors
def reconcile(id: str) -> None:
    """Recompute every counter, and mend what differs.

    From the ledger, record by record; harmless at any time.
    """
    p = parts()
    before, sums = count.reconcile(NotificationId(id), needs=p)
    tell_difference(before.tally, sums)
    agrees = before.tally == sums
    click.echo("the record agrees with the ledger" if agrees else "the record was set right")


@main.command()
@click.argument("id")
@click.option(
    "--revision",
    type=click.IntRange(1),
    help="The one that was read; without it, it is shown and asked about.",
)
@cli_errors
def approve(id: str, revision: int | None) -> None:
    """Approve a pending notification: it is sent at once.

    Shows all that it approves and asks, unless the revision that was read is named. One that needs
    two approvals takes two moderators; an operator may only reject it.
    """
    p = parts()
    notification = p.notifications.get(NotificationId(id))
    decided = moderate.approve(
        NotificationId(id),
        by=_operator(),
        revision=revision_to_decide(p, notification, revision, "Approve"),
        count_devices=counting(p),
        needs=p,
    )
    click.echo(f"{id} is {decided.status}")


@main.command()
@click.argument("id")
@click.option(
    "-c", "--comment", default="", help="Why, in 1 to 1,000 characters; the provider reads it."
)
@click.option("-t", "--template", help="Id of a rejection template; a comment adds to it.")
@click.option(
    "--revision",
    type=click.IntRange(1),
    help="The one that was read; without it, it is shown and asked about.",
)
@cli_errors
def reject(id: str, comment: str, template: str | None, revision: int | None) -> None:
    """Reject a pending notification, with a comment.

    A comment, a template or both: without a reason it is refused. Shows what it rejects and asks,
    unless the revision that was read is named.
    """
    p = parts()
    notification = p.notifications.get(NotificationId(id))
    decided = moderate.reject(
        NotificationId(id),
        comment,
        by=_operator(),
        template=template,
        revision=revision_to_decide(p, notification, revision, "Reject"),
        needs=p,
    )
    click.echo(f"{id} is {decided.status}")


@main.command()
@click.argument("id")
@cli_errors
def release(id: str) -> None:
    """End anybody's claim on a pending notification.

    Somebody else may claim it, and decide, at once.
    """
    p = parts()
    free = moderate.release(NotificationId(id), by=_operator(), needs=p)
    click.echo(f"{id} is {free.status}, and nobody reads it")


@main.command()
@click.argument("name")
@cli_errors
def domain(name: str) -> None:
    """A domain, and who changed its admin HWIDs.

    They are sent to without moderation. The history is that of a year, the latest first, and
    outlives the domain.
    """
    p = parts()
    found = p.providers.domain(name)
    if found is None:
        click.echo("there is no such domain now")
    else:
        say(f"{found.domain}  {'verified' if found.is_verified else 'not verified'}")
        say(f"of {found.provider_id}")
        say(f"admin HWIDs: {', '.join(found.admin_hwids) or 'none'}")
    for each in p.providers.domain_history(name, p.clock.now() - timedelta(days=366)):
        changes = [*(f"+{hwid}" for hwid in each.added), *(f"-{hwid}" for hwid in each.removed)]
        say(f"  {utc(each.at)}  {each.by}  {'  '.join(changes)}")


@main.command()
@cli_errors
def backfill() -> None:
    """Derive on all devices what queries need.

    For devices that an existing back end wrote without it; the others stay as they are.
    """
    number = 0
    for number, _ in enumerate(devices.backfill(devices=parts().devices), start=1):
        if number % 500 == 0:
            click.echo(f"{number:,} devices so far", err=True)
    click.echo(f"{number:,} devices brought up to date")


def _queue(p: Parts, *, as_json: bool) -> None:
    page = moderate.queue(moderate.ModerationQuery(), by=_operator(), needs=p)
    if page.next_token:
        click.echo(f"more than {len(page.items)} wait; these wait longest", err=True)
    if as_json:
        click.echo(json_text([notification_json(each.notification) for each in page.items]))
        return
    if not page.items:
        click.echo("nothing waits for a moderator")
    for each in page.items:
        it = each.notification
        late = "  overdue" if each.overdue else ""
        say(f"{it.id}  {utc(it.waits_since)}  {it.provider_email:<28} {it.content.title}{late}")


def _operator() -> Actor:
    return Actor(Role.OPERATOR, f"cli:{getpass.getuser()}")


main.add_command(cost)
main.add_command(cli_archive.commands(cli_errors))


main.add_command(telegram)
main.add_command(device)
main.add_command(account)


if __name__ == "__main__":
    main()
