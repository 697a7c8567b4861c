"""``fanfare cost``: what a notification to so many devices costs, and why. It asks no project."""

import click

from shared.domain.archive.cost import export_operations
from shared.domain.delivery.cost import (
    LIST,
    MILLION,
    Audience,
    Layout,
    Operations,
    Term,
    dollars_per_million,
    terms,
    total,
)
from shared.domain.delivery.ledger import BATCH_SIZE
from shared.flow.delivery.plan import DEVICES_PER_PART, PAGE_SIZE

CPU_US = 150.0
"""Plan and send, per device, as ``make bench`` measures it on two shared cores."""

PERCENT = click.FloatRange(0, 100)


@click.command()
@click.option(
    "--devices", default=MILLION, show_default=True, type=click.IntRange(1), help="How many."
)
@click.option(
    "--desktops",
    default=0.0,
    show_default=True,
    type=PERCENT,
    help="Percent of them that fetch it from their own document: a write each.",
)
@click.option(
    "--dead",
    default=1.0,
    show_default=True,
    type=PERCENT,
    help="Percent of the phones whose address turns out dead: a read and a write each.",
)
@click.option(
    "--batch",
    default=BATCH_SIZE,
    show_default=True,
    type=click.IntRange(1, PAGE_SIZE),
    help="Devices per batch and task.",
)
@click.option(
    "--cpu-us",
    default=CPU_US,
    show_default=True,
    type=click.FloatRange(0),
    help="Microseconds of CPU per device; see send_cpu_us_per_device of `make bench`.",
)
def cost(devices: int, desktops: float, dead: float, batch: int, cpu_us: float) -> None:
    """What one notification costs at list price, term by term.

    The formula counts what is billed: documents read and written in Firestore (regional,
    Standard), operations of Cloud Tasks (a task is one when it is created and one when it is
    dispatched), and seconds of CPU. A test holds it to within 5 % of what the emulators count.

    Not in it: free quotas, memory and idle time of instances, network, storage, deliveries that
    have to be repeated, and the push services, which charge nothing.

    \b
    fanfare cost --devices 250000
    fanfare cost --desktops 10 --dead 2     a tenth are desktops, every fiftieth phone is gone
    fanfare cost --batch 250                smaller batches: more documents, more tasks
    """
    layout = Layout(page=PAGE_SIZE, part=DEVICES_PER_PART, batch=batch)
    found = terms(Audience(devices, desktops / 100, dead / 100), layout, cpu_us)
    click.echo(f"{'':<24}{'reads':>12}{'writes':>11}{'task ops':>10}{'CPU s':>9}{'dollars':>11}")
    for term in found:
        click.echo(_line(term))
    whole = Term("together", total(found))
    click.echo(_line(whole))
    click.echo(
        f"\n${dollars_per_million(whole.operations):.4f} for a million devices. List prices: reads "
        f"${LIST.read * 100_000:.2f} and writes ${LIST.write * 100_000:.2f} per 100,000, "
        f"${LIST.task_operation * MILLION:.2f} per million task operations, "
        f"${LIST.cpu_second:.6f} per vCPU-second. {_archived(devices)}"
    )


def _archived(devices: int) -> str:
    it = export_operations(devices)
    return (
        f"If the archive is on: {it.objects:,} objects, {it.reads:,} reads, {it.writes:,} writes "
        f"and {it.stored_bytes / 1e6:,.1f} MB more, ${it.dollars:.6f} once and "
        f"${it.dollars_a_month:.6f} a month."
    )


def _line(term: Term) -> str:
    it: Operations = term.operations
    counts = f"{_count(it.reads):>12}{_count(it.writes):>11}{_count(it.task_operations):>10}"
    return f"{term.why:<24}{counts}{_count(it.cpu_seconds):>9}{it.dollars:>11.6f}"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number else "-"
