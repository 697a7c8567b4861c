"""The format is what docs/archive.md and docs/schemas say it is, down to its examples."""

import gzip
import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.archive.folder import FolderArchive
from shared.domain.archive.lines import (
    BadLine,
    device_of,
    entry_from,
    final_from,
    notification_line,
    outcome_lines,
    record_from,
    transition_line,
)
from shared.domain.archive.manifest import Signature, following, forgeries, read
from shared.domain.archive.objects import Kind, Place, Seal, Unreadable, ended_on, opened, place_of
from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content
from shared.domain.delivery.ledger import BatchId, BatchState, Outcome, Record, Target
from shared.domain.errors import NotFound
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from tests.archive.parts import N1, N2, World, closed_batches
from tests.builders import MODERATOR, NOON, PROVIDER, a_batch, a_notification
from tests.notification_documents import alter

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schemas"
DOCUMENT = (ROOT / "docs" / "archive.md").read_text()
SQL = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
words = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=30)
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
times = st.datetimes(min_value=NOON.replace(tzinfo=None)).map(
    lambda it: it.replace(tzinfo=NOON.tzinfo)
)
records = st.builds(
    Record,
    st.sampled_from(Outcome),
    texts,
    texts,
    st.none() | times,
    st.just(False),
    st.just(False),
)


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"archive-{name}-1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(schema, format_checker=checker)


# ---- schemas -------------------------------------------------------------------------------------


def test_every_line_of_an_export_is_as_its_schema_says() -> None:
    world = World().archived(N1, N2, devices=11)
    kinds = {Kind.OUTCOMES: "outcome", Kind.TRANSITIONS: "transition"}
    seen = 0
    for name, content in world.archive.objects.items():
        place = place_of(name)
        if place is None:
            validator("manifest").validate(json.loads(content))
            continue
        checking = validator(kinds.get(place.kind, "notification"))
        for line in gzip.decompress(content).splitlines():
            checking.validate(json.loads(line))
            seen += 1
    assert seen == 2 * (11 + 3 + 1)


def test_a_signed_manifest_is_as_its_schema_says() -> None:
    from dataclasses import replace

    manifest = following(None, date(2026, 1, 1), (), NOON)
    signed = replace(manifest, signature=Signature("arn:aws:kms:…", "ECDSA_SHA_256", "MEUCIQ=="))
    validator("manifest").validate(json.loads(signed.text()))
    assert read(signed.text()) == signed


@pytest.mark.parametrize("name", ["outcome", "transition", "notification"])
def test_the_schemas_name_every_field_there_is(name: str) -> None:
    it = a_notification(status=Status.PENDING)
    lines = {
        "outcome": next(outcome_lines("p1", a_batch())),
        "transition": transition_line(it, _an_entry()),
        "notification": notification_line(it),
    }
    schema = json.loads((SCHEMAS / f"archive-{name}-1.json").read_text())
    assert set(json.loads(lines[name])) == set(schema["properties"]) == set(schema["required"])


def _an_entry() -> Any:
    entry = a_notification(status=None).submit(PROVIDER, NOON, admin_hwid=False)
    return next(iter(entry.entries))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("outcome", "maybe"), ("device", "hwid-1"), ("at", "yesterday"), ("schema", 2)],
)
def test_a_line_that_says_something_else_is_not_of_the_schema(field: str, wrong: object) -> None:
    line = json.loads(next(outcome_lines("p1", next(closed_batches(N1, 1)))))
    validator("outcome").validate(line)
    with pytest.raises(jsonschema.ValidationError):
        validator("outcome").validate({**line, field: wrong})


# ---- there and back ------------------------------------------------------------------------------


@given(hwid=ids, locale=texts, record=records)
def test_an_outcome_is_read_as_it_was_written(hwid: str, locale: str, record: Record) -> None:
    batch = a_batch([Target(hwid, "ios", locale)], [record])
    (line,) = outcome_lines("p1", batch)
    assert "\n" not in line
    fields, back = record_from(line.encode())
    assert back == record
    assert (fields["device"], fields["locale"]) == (device_of("p1", hwid), locale)


@given(reason=texts, at=times)
def test_a_transition_is_read_as_it_was_written_and_keeps_its_hash(reason: str, at: Any) -> None:
    it = a_notification(status=Status.PENDING)
    (entry,) = it.reject(MODERATOR, at, reason).entries
    fields, back = entry_from(transition_line(it, entry).encode())
    assert fields["notificationId"] == it.id
    assert back == entry
    assert back.sealed().hash == entry.hash


@given(title=words, body=words)
def test_a_record_is_read_as_it_was_written(title: str, body: str) -> None:
    from dataclasses import replace

    it = replace(a_notification(status=Status.APPROVED), content=Content(title=title, body=body))
    final = final_from(notification_line(it).encode())
    assert (final.status, final.tally, final.history_hash) == (it.status, it.tally, it.head.hash)
    assert final.line["content"]["title"] == it.content.title


def test_a_target_that_names_a_device_is_hashed() -> None:
    from dataclasses import replace

    it = replace(a_notification(status=Status.APPROVED), segment=Segment(hwid="Secret-1"))
    line = notification_line(it)
    assert "Secret-1" not in line
    assert device_of("p1", "Secret-1") in line


def test_two_providers_cannot_tell_that_they_reach_the_same_device() -> None:
    assert device_of("p1", "h") != device_of("p2", "h")
    assert device_of("p1", "h") == device_of("p1", "h")


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"schema": 2}', b'{"schema": 1}', b"\xff"])
@pytest.mark.parametrize("reader", [record_from, entry_from, final_from])
def test_a_line_that_cannot_be_one_is_told_so(line: bytes, reader: Any) -> None:
    with pytest.raises(BadLine):
        reader(line)


@given(
    provider=ids, owner=ids, day=st.dates(min_value=date(1000, 1, 1)), number=st.integers(1, 10**6)
)
def test_a_name_says_what_it_was_made_of(provider: str, owner: str, day: date, number: int) -> None:
    place = Place(Kind.OUTCOMES, provider, day, NotificationId(owner), number)
    name = place.name("0123456789abcdef" * 4)
    assert place_of(name) == place
    assert name.count("/") == 3
    assert not {"", ".", ".."} & set(name.split("/"))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "kind=outcomes",
        "kind=manifests/00000001.json",
        "kind=other/provider=p/dt=2026-01-01/n-00001-0123456789abcdef.ndjson.gz",
        "kind=outcomes/provider=p/dt=2026-13-01/n-00001-0123456789abcdef.ndjson.gz",
        "kind=outcomes/provider=p/dt=2026-01-01/n-1-0123456789abcdef.ndjson.gz",
    ],
)
def test_other_names_are_none_of_ours(name: str) -> None:
    assert place_of(name) is None


@given(st.lists(texts.map(lambda it: json.dumps(it, ensure_ascii=False)), max_size=20))
def test_a_seal_gives_the_same_bytes_for_the_same_lines(lines: list[str]) -> None:
    place = Place(Kind.OUTCOMES, "p", date(2026, 1, 1), N1, 1)
    first, second = Seal(), Seal()
    first.add(lines)
    for line in lines:
        second.add([line])
    sealed, content = first.close(place)
    assert (sealed, content) == second.close(place)
    assert opened(content) == "".join(f"{line}\n" for line in lines).encode()
    assert (sealed.lines, sealed.bytes) == (len(lines), len(opened(content)))


@given(st.binary(max_size=200))
def test_what_is_no_object_is_unreadable_and_nothing_worse(content: bytes) -> None:
    try:
        opened(content)
    except Unreadable:
        return


# ---- manifests -----------------------------------------------------------------------------------


@given(st.data())
def test_any_change_of_a_manifest_is_a_forgery(data: st.DataObject) -> None:
    world = World().archived()
    text = world.archive.objects["kind=manifests/00000001.json"].decode()
    true = read(text.encode())
    assert forgeries(true, 1, "") == []
    facts = json.loads(text)
    field = data.draw(st.sampled_from(["day", "sealedAt", "previous", "sequence", "lines", "name"]))
    if field in {"lines", "name"}:
        entry = data.draw(st.sampled_from(facts["objects"]))
        entry[field] = entry[field] + 1 if field == "lines" else "x"
    else:
        others = {"day": "2026-01-02", "sealedAt": "2026-01-02T00:00:00Z", "previous": "0" * 64}
        facts[field] = others.get(field, 2)
    forged = read(json.dumps(facts).encode())
    assert forgeries(forged, 1, "")
    assert forgeries(forged.sealed(), 1, "") or forged.sealed().hash != true.hash


# ---- days ----------------------------------------------------------------------------------------


def test_the_day_of_a_notification_is_the_one_it_ended_on() -> None:
    later = NOON + timedelta(days=3)
    pending = a_notification(status=Status.PENDING)
    assert ended_on(pending.cancel(PROVIDER, later).notification) == later.date()
    assert ended_on(pending.reject(MODERATOR, later, "no").notification) == later.date()


# ---- DuckDB --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("duckdb") / "archive"
    world = World(archive=FolderArchive(root))
    world.ended(N1, 12, provider="p1")
    world.ended(N2, 600, provider="p 2/x")
    for id in (N1, N2):
        world.export(id)
    world.next_day()
    world.close_day()
    assert world.codes() == set()
    return root


def query(sql: str, folder: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as base:
        rows: list[tuple[Any, ...]] = base.sql(sql.replace("archive/", f"{folder}/")).fetchall()
    return rows


def test_the_examples_for_duckdb_answer_what_they_say(folder: Path) -> None:
    outcomes, reasons, moderators, differences = (query(sql, folder) for sql in SQL)
    assert [(p, str(d), o, n) for p, d, o, n in outcomes if p == "p1"] == [
        ("p1", "2026-01-01", "delivered", 6),
        ("p1", "2026-01-01", "failed", 2),
        ("p1", "2026-01-01", "skipped", 2),
        ("p1", "2026-01-01", "unknown", 2),
    ]
    assert {row[0] for row in outcomes} == {"p1", "p 2/x"}
    assert [row[1] for row in reasons] == ["consentWithdrawn", "noAnswer", "unregistered"]
    assert [(actor, n) for actor, n, _ in moderators] == [("moderator:m1", 2)]
    assert moderators[0][2] <= timedelta(minutes=5)
    assert differences == []


def test_a_counter_that_is_wrong_is_found_by_the_last_example(tmp_path: Path) -> None:
    world = World(archive=FolderArchive(tmp_path / "archive"))
    world.ended(N1, 5)
    alter(world.database, "n1", targetedCount=9)
    world.export(N1)
    assert query(SQL[-1], tmp_path / "archive") == [("n1", 9, 5)]


# ---- the document --------------------------------------------------------------------------------


def test_the_document_names_every_setting_of_the_archive() -> None:
    from shared.settings import Settings

    ours = ("ARCHIVE", "AWS", "STORAGE_EMULATOR", "GCE_METADATA")
    aliases = {str(it.alias) for it in Settings.model_fields.values()}
    named = {alias for alias in aliases if any(word in alias for word in ours)}
    assert {name for name in named if f"`{name}`" not in DOCUMENT} == set()


def test_a_batch_that_is_still_open_would_say_so() -> None:
    open_one = a_batch(records=[Record(Outcome.OPEN)], state=BatchState.OPEN, id=BatchId("b"))
    (line,) = outcome_lines("p1", open_one)
    validator("outcome").validate(json.loads(line))
    assert json.loads(line)["outcome"] == "open"


def test_an_empty_archive_has_nothing_to_replay() -> None:
    from shared.domain.archive.life import Life
    from shared.flow.archive.replay import replay

    with pytest.raises(NotFound):
        list(replay(N1, World().archive, Life()))
