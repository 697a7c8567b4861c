"""``fanfare archive``: whether the archive is what was archived, and what it tells by itself."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click
from pydantic import TypeAdapter, ValidationError

from cli.terminal import quote, say
from shared.adapters.archive.places import archive_at
from shared.domain.archive.life import Discrepancy, Life
from shared.domain.archive.lines import device_of
from shared.domain.archive.remedies import REMEDIES
from shared.domain.delivery.ledger import Record
from shared.domain.errors import Refusal
from shared.domain.notifications.notification import NotificationId
from shared.flow.archive.daily_manifest import ManifestWriter
from shared.flow.archive.export import Exporter
from shared.flow.archive.replay import replay as replayed
from shared.flow.archive.verify import Report, Verifier
from shared.ports import Archive
from shared.settings import ArchiveUrl
from shared.wiring import Parts, parts

ErrorsAsText = Callable[[Callable[..., None]], Callable[..., None]]
AT_MOST = timedelta(hours=1)


class Address(click.ParamType[str]):
    """An address an archive can have: any other would look like one that somebody emptied."""

    name = "s3://…|gs://…|file:///…"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address as it is."""
        try:
            TypeAdapter[str](ArchiveUrl).validate_python(value)
        except ValidationError:
            forms = "s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or file:///FOLDER"
            self.fail(f"{value!r} is not one of {forms}", param, ctx)
        place = urlsplit(value)
        if place.scheme == "file" and not Path(unquote(place.path)).is_dir():
            self.fail(f"there is no folder {unquote(place.path)}", param, ctx)
        return value


def commands(cli_errors: ErrorsAsText) -> click.Group:
    """Return the group, with errors put as in the other commands."""

    @click.group()
    def archive() -> None:
        """Verify the archive of ended notifications, or read from it."""

    @archive.command()
    @click.option(
        "--deep",
        is_flag=True,
        help="Compare every outcome with the ledger, too: reads every batch.",
    )
    @click.option("--from", "address", type=Address(), help="Another copy of it.")
    @cli_errors
    def verify(deep: bool, address: str | None) -> None:
        """Read all of it again and compare with Firestore.

        Exit code 1 if anything is wrong; then with what to do about each kind.
        """
        p = parts()
        where = _archive(p, address)
        verifier = Verifier(where, p.exports, p.notifications, p.ledger, p.signer)
        report = verifier.verify(deep=deep)
        _tell(report)
        if report.wrong:
            raise SystemExit(1)

    @archive.command(name="replay")
    @click.argument("id")
    @click.option("--device", "hwid", metavar="HWID", help="Also what became of this device.")
    @click.option("--from", "address", type=Address(), help="Another copy of it.")
    @cli_errors
    def replay_(id: str, hwid: str | None, address: str | None) -> None:
        """A notification's whole life, from the archive alone."""
        _replay(NotificationId(id), hwid, _archive(parts(), address))

    @archive.command()
    @click.argument("id")
    @cli_errors
    def export(id: str) -> None:
        """Archive one that ended, now and not with the tick."""
        p = parts()
        exporter = Exporter(
            p.notifications, p.runs, p.ledger, p.exports, _archive(p), p.tasks, p.clock
        )
        mark = exporter.export(NotificationId(id), p.clock.now() + AT_MOST)
        for it in mark.objects if mark else ():
            click.echo(f"{it.lines:>10,} lines  {it.name}")

    @archive.command()
    @cli_errors
    def seal() -> None:
        """List in a manifest what was archived so far.

        Now, instead of at the end of the day.
        """
        p = parts()
        today = p.clock.now().date()
        manifests = ManifestWriter(p.exports, _archive(p), p.clock, p.signer).close_day(today)
        for it in manifests:
            click.echo(f"{it.name}  {len(it.objects):,} objects  {it.hash}")
        if not manifests:
            click.echo("everything is listed already")

    return archive


def _archive(p: Parts, address: str | None = None) -> Archive:
    if address:
        return archive_at(address, p.settings)
    if p.archive is None:
        raise Refusal("There is no archive: set FANFARE_ARCHIVE, or name one with --from.")
    return p.archive


def _tell(report: Report) -> None:
    click.echo(
        f"{report.manifests:,} manifests, {report.objects:,} objects, {report.lines:,} lines, "
        f"{report.notifications:,} notifications"
    )
    if report.waiting:
        click.echo(f"{report.waiting:,} objects wait for the next manifest")
    if report.unexported:
        click.echo(f"{report.unexported:,} notifications that ended wait for their export")
    click.echo(f"signatures: {report.signatures}")
    _tell_wrong(report.wrong)
    agree = "the archive is what was archived, and Firestore agrees with it"
    click.echo(f"{len(report.wrong):,} things are wrong" if report.wrong else agree)


def _replay(id: NotificationId, hwid: str | None, archive: Archive) -> None:
    chosen: list[tuple[Mapping[str, Any], Record]] = []

    def choose(line: Mapping[str, Any], record: Record) -> None:
        if hwid is not None and line.get("device") == device_of(line["providerId"], hwid):
            chosen.append((line, record))

    life = Life(choose)
    wrong = list(replayed(id, archive, life))
    if life.final:
        told = life.final.line
        content = said if isinstance(said := told.get("content"), dict) else {}
        say(f"{id}  {life.status}  by provider {told['providerId']}")
        say(f"{content.get('title', '')}")
        quote(f"{content.get('body', '')}")
    for entry in life.entries:
        reason = f"  “{entry.reason}”" if entry.reason else ""
        origin = f"{entry.origin or 'new'} → {entry.status}"
        say(f"  {entry.at:%Y-%m-%d %H:%M:%S}  {origin:<22} {entry.actor}{reason}")
    if life.first_at and life.last_at:
        say(f"  outcomes from {life.first_at:%H:%M:%S} to {life.last_at:%H:%M:%S} UTC")
    for name, number in life.tally.totals.items():
        say(f"  {name:<10}{number:>12,}")
    for sums in life.tally.dimensions.values():
        for value, number in sums.items():
            say(f"    {value:<22}{number:>8,}")
    for platform, number in sorted(life.platforms.items()):
        say(f"  on {platform:<10}{number:>9,}")
    for line, record in chosen:
        said = record.receipt or record.code or "-"
        say(f"  {hwid}: {record.outcome}, {said}, {line['at']}, batch {line.get('batchId')}")
    if hwid is not None and not chosen:
        say(f"  {hwid}: not targeted")
    _tell_wrong(wrong)
    if wrong:
        raise SystemExit(1)


def _tell_wrong(wrong: Sequence[Discrepancy]) -> None:
    """Print each thing, and then once for each kind of thing what to do about it."""
    for it in wrong:
        say(f"WRONG  {it.code}  {it.where}: {it.what}")
    for code in dict.fromkeys(it.code for it in wrong):
        click.echo(f"{code}: {REMEDIES[code]}")
