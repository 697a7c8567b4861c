"""``fanfare``'s output about one notification: the record, its counters, its history."""

from datetime import datetime

import click

from cli.review import tell_content, tell_review, tell_segment
from cli.terminal import say
from shared.domain.notifications.history import chain_faults
from shared.domain.notifications.lifecycle import EDITABLE, Status
from shared.domain.notifications.notification import Notification
from shared.domain.tally import TOTALS, Tally
from shared.wiring import Parts

COUNTERS = (*TOTALS, "open")


def tell_record(p: Parts, it: Notification) -> None:
    """Print what was or would be sent, whose it is, how its review stands, and its counters."""
    say(f"{it.id}  {it.status}  revision {it.revision}")
    say(f"by {it.provider_email} ({it.provider_id})")
    tell_content(it.content)
    if it.status in EDITABLE:
        tell_review(p, it)
        return
    tell_segment(it)
    for finding in it.findings:
        say(f"{finding.severity}: {finding.field}: {finding.sentence}")
    for name in COUNTERS:
        click.echo(f"  {name:<10}{_sum(it.tally, name):>10,}")
    for sums in it.tally.dimensions.values():
        for value, number in sums.items():
            click.echo(f"    {value:<22}{number:>8,}")
    if it.status is Status.FAILED:
        click.echo(f"failed: {it.run and it.run.failure_reason}")


def tell_chain(p: Parts, it: Notification) -> list[str]:
    """Print every entry with its hash; return the faults of the chain."""
    entries = p.notifications.history(it.id)
    for entry in entries:
        way = f"{entry.origin or '–'} → {entry.status}"
        say(
            f"{entry.number:>4}  {utc(entry.at)}  {entry.move:<9} {way:<20} "
            f"revision {entry.revision}  {entry.hash[:12]}  {entry.actor}"
        )
        if entry.reason:
            say(f"      “{entry.reason}”")
    faults = chain_faults(entries, it.head.count, it.head.hash)
    told = "BROKEN" if faults else f"sound, {len(entries)} entries"
    click.echo(f"history chain: {told}")
    return faults


def tell_history(p: Parts, it: Notification) -> None:
    """Print who did what, and when, in short."""
    entries = p.notifications.history(it.id)
    for entry in entries:
        reason = f"  “{entry.reason}”" if entry.reason else ""
        say(f"  {utc(entry.at)}  {entry.move:<9}{entry.actor}{reason}")
    whole = not chain_faults(entries, it.head.count, it.head.hash)
    click.echo("  history chain: sound" if whole else "  history chain: BROKEN")


def _sum(tally: Tally, name: str) -> int:
    return int(getattr(tally, name))


def utc(at: datetime | None) -> str:
    """Format a time to the second; a dash for never."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC") if at else "-"


def tell_difference(record: Tally, ledger: Tally) -> None:
    """Print every counter and code, as the record has it and as the ledger has it."""
    click.echo(f"{'':<11}{'record':>10}{'ledger':>10}")
    for name in COUNTERS:
        was, now = _sum(record, name), _sum(ledger, name)
        click.echo(_compared(name, was, now))
    in_ledger = ledger.dimensions
    for name, sums in record.dimensions.items():
        for value in dict.fromkeys((*sums, *in_ledger[name])):
            was, now = sums.get(value, 0), in_ledger[name].get(value, 0)
            click.echo(_compared(f"  {value}", was, now))


def _compared(name: str, was: int, now: int) -> str:
    return f"{name:<11}{was:>10,}{now:>10,}{'' if was == now else '   mended'}"
