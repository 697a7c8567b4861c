"""The three databases keep the same promises; Firestore's own are the measure.

The one in memory keeps them over the wire of the other two, too: that is the embedded store.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud.firestore import Client

from shared.adapters.firestore.google_database import GoogleDatabase
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.errors import NotFound, TryAgain
from shared.ports.database import (
    NAME,
    Create,
    Database,
    Delete,
    Document,
    Fields,
    LostAnswer,
    Merge,
    Put,
    Query,
    SnapshotTooOld,
    Unmet,
    Update,
    Where,
)
from shared.stores import change as changing
from shared.stores.change import Step, change, change_with, rewrite
from shared.stores.names import document_name
from tests.adapters.fanout import BadLine
from tests.builders import NOON

SECOND = timedelta(seconds=1)


@pytest.fixture(params=["memory", "google", "rest", "embedded_google", "embedded_rest"])
def database(request: pytest.FixtureRequest) -> Database:
    if request.param == "memory":
        return MemoryDatabase()
    if request.param.startswith("embedded"):
        embedded: Database = request.getfixturevalue(request.param)
        return embedded
    rest = RestDatabase(request.getfixturevalue("rest"))
    if request.param == "rest":
        return rest
    return GoogleDatabase(request.getfixturevalue("client"), lambda: rest)


def fields_of(database: Database, name: str) -> dict[str, Any] | None:
    document = database.get(name)
    return None if document is None else dict(document.fields)


def version_of(database: Database, name: str) -> str:
    document = database.get(name)
    return "" if document is None else document.version


def ids(database: Database, query: Query, read_at: str = "") -> list[str]:
    return [document.id for document in database.query(query, read_at)]


# ---- documents -------------------------------------------------------------------------------


def test_what_is_not_there_is_none(database: Database) -> None:
    assert database.get("things/a") is None


def test_a_document_is_read_as_it_was_written(database: Database) -> None:
    fields = {
        "text": "Größe",
        "number": 7,
        "share": 0.5,
        "yes": True,
        "at": datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
        "list": ["a", 1, {"inner": False}],
        "map": {"deep": {"er": 1}, "odd key": 2},
    }
    (version,) = database.commit([Create("things/a", fields)])
    document = database.get("things/a")
    assert document == Document("things/a", fields, version)
    assert document is not None
    assert document.id == "a"


def test_what_is_none_is_not_written(database: Database) -> None:
    database.commit([Put("things/a", {"x": 1, "y": None})])
    assert fields_of(database, "things/a") == {"x": 1}


def test_what_is_changed_after_it_was_read_or_written_changes_nothing(database: Database) -> None:
    fields: dict[str, Any] = {"map": {"a": 1}, "list": [1]}
    database.commit([Put("things/a", fields)])
    fields["map"]["a"] = 2
    document = database.get("things/a")
    assert document is not None
    document.fields["list"].append(2)
    assert fields_of(database, "things/a") == {"map": {"a": 1}, "list": [1]}


def test_many_are_read_as_of_one_moment_and_missing_ones_are_left_out(database: Database) -> None:
    database.commit([Put("things/a", {"x": 1}), Put("things/b/parts/c", {"x": 2})])
    found = database.get_many(["things/a", "things/none", "things/b/parts/c"])
    assert set(found.documents) == {"things/a", "things/b/parts/c"}
    assert found.documents["things/b/parts/c"].fields == {"x": 2}
    assert datetime.fromisoformat(found.read_at).tzinfo is not None


def test_none_of_none_is_none(database: Database) -> None:
    assert database.get_many([]).documents == {}


def test_some_fields_may_be_asked_for_by_their_paths(database: Database) -> None:
    database.commit([Put("things/a", {"x": 1, "y": 2, "map": {"in": 3, "out": 4}})])
    document = database.get("things/a", ["x", "map.in", "none"])
    assert document is not None
    assert document.fields == {"x": 1, "map": {"in": 3}}
    assert document.version == version_of(database, "things/a")


def test_every_write_changes_the_version(database: Database) -> None:
    (first,) = database.commit([Put("things/a", {"x": 1})])
    (second,) = database.commit([Merge("things/a", {"x": 2})])
    (third,) = database.commit([Update("things/a", {"x": 3})])
    assert len({first, second, third}) == 3
    assert sorted({first, second, third}, key=datetime.fromisoformat) == [first, second, third]
    assert version_of(database, "things/a") == third


# ---- fields ----------------------------------------------------------------------------------


def test_merging_leaves_other_fields_and_removes_what_is_none(database: Database) -> None:
    database.commit([Merge("things/a", {"x": 1, "y": 2, "none": None})])
    assert fields_of(database, "things/a") == {"x": 1, "y": 2}
    database.commit([Merge("things/a", {"y": None, "z": 3})])
    assert fields_of(database, "things/a") == {"x": 1, "z": 3}


@pytest.mark.parametrize("kind", [Merge, Update])
def test_a_path_reaches_a_field_inside_a_map(
    database: Database, kind: Callable[[str, Any], Merge | Update]
) -> None:
    database.commit([Put("things/a", {"map": {"a": 1, "b": 2}, "other": {"c": 3}})])
    database.commit([kind("things/a", {"map.a": 5, "map.b": None, "new.deep.er": 6})])
    assert fields_of(database, "things/a") == {
        "map": {"a": 5},
        "other": {"c": 3},
        "new": {"deep": {"er": 6}},
    }


def test_a_map_that_is_written_whole_replaces_the_old_one(database: Database) -> None:
    database.commit([Put("things/a", {"map": {"a": 1, "b": 2}})])
    database.commit([Update("things/a", {"map": {"c": 3}})])
    assert fields_of(database, "things/a") == {"map": {"c": 3}}


def test_odd_names_stand_in_backticks(database: Database) -> None:
    database.commit([Put("things/a", {"counts": {"no-token": 1, "a.b": 2}})])
    database.commit([Update("things/a", {"counts.`no-token`": 5, "counts.`a.b`": None})])
    assert fields_of(database, "things/a") == {"counts": {"no-token": 5}}


def test_putting_replaces_the_whole_document(database: Database) -> None:
    database.commit([Put("things/a", {"x": 1})])
    database.commit([Put("things/a", {"y": 2})])
    assert fields_of(database, "things/a") == {"y": 2}


def test_deleting_is_the_end_whether_or_not_it_was_there(database: Database) -> None:
    database.commit([Put("things/a", {"x": 1})])
    database.commit([Delete("things/a"), Delete("things/b")])
    assert database.get("things/a") is None


# ---- conditions ------------------------------------------------------------------------------


def test_what_exists_is_not_created_again(database: Database) -> None:
    database.commit([Create("things/a", {"x": 1})])
    with pytest.raises(Unmet):
        database.commit([Create("things/a", {"x": 2})])
    assert fields_of(database, "things/a") == {"x": 1}


def test_what_is_not_there_is_not_updated(database: Database) -> None:
    with pytest.raises(Unmet):
        database.commit([Update("things/a", {"x": 1})])
    assert database.get("things/a") is None


def test_a_write_rests_on_the_version_that_was_read(database: Database) -> None:
    (first,) = database.commit([Put("things/a", {"x": 1})])
    (second,) = database.commit([Update("things/a", {"x": 2}, first)])
    with pytest.raises(Unmet):
        database.commit([Update("things/a", {"x": 3}, first)])
    with pytest.raises(Unmet):
        database.commit([Delete("things/a", first)])
    assert fields_of(database, "things/a") == {"x": 2}
    database.commit([Delete("things/a", second)])
    with pytest.raises(Unmet):
        database.commit([Update("things/a", {"x": 4}, second)])
    assert database.get("things/a") is None


def test_of_a_commit_all_is_done_or_nothing(database: Database) -> None:
    database.commit([Create("things/a", {"x": 1})])
    with pytest.raises(Unmet):
        database.commit([Put("things/b", {"x": 1}), Create("things/a", {"x": 2})])
    assert database.get("things/b") is None
    versions = database.commit([Put("things/b", {"x": 1}), Create("things/c", {"x": 2})])
    assert versions == [version_of(database, f"things/{id}") for id in "bc"]


def test_each_of_several_writes_may_fail_on_its_own(database: Database) -> None:
    (read,) = database.commit([Create("things/a", {"x": 1})])
    database.commit([Create("things/b", {"x": 1}), Create("things/d", {"x": 1})])
    results = database.write_each(
        [
            Update("things/a", {"x": 2}, read),
            Create("things/b", {"x": 2}),
            Update("things/none", {"x": 2}),
            Update("things/d", {"x": 3}, read),
            Create("things/c", {"x": 4}),
        ]
    )
    assert [it.done for it in results] == [True, False, False, False, True]
    assert [it.unmet for it in results] == [False, True, True, True, False]
    assert results[0].version == version_of(database, "things/a")
    assert fields_of(database, "things/b") == {"x": 1}
    assert fields_of(database, "things/c") == {"x": 4}


# ---- queries ---------------------------------------------------------------------------------


@pytest.fixture
def some(database: Database) -> Database:
    """Store five things, of which ``e`` has no number."""
    rows: list[dict[str, Any]] = [
        {"of": "us", "n": 3, "tags": ["x", "y"], "at": NOON},
        {"of": "us", "n": 1, "tags": ["y"], "at": NOON + SECOND},
        {"of": "them", "n": 2, "tags": ["z"], "at": NOON + 2 * SECOND},
        {"of": "us", "n": 3, "tags": [], "at": NOON + 3 * SECOND},
        {"of": "us", "at": NOON + 4 * SECOND},
    ]
    database.commit([Put(f"things/{id}", row) for id, row in zip("abcde", rows, strict=True)])
    database.commit([Put("others/a", {"of": "us", "n": 1})])
    return database


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ((), "abcde"),
        ((Where("of", "==", "us"),), "abde"),
        ((Where("n", "==", 3),), "ad"),
        ((Where("n", "==", True),), ""),
        ((Where("n", "<", 3),), "bc"),
        ((Where("n", "<=", 3),), "bcad"),
        ((Where("n", ">", 1),), "cad"),
        ((Where("n", ">=", 2),), "cad"),
        ((Where("n", ">=", 2), Where("n", "<", 3)), "c"),
        ((Where("n", "<", "text"),), ""),
        ((Where("tags", "contains-any", ["x", "z"]),), "ac"),
        ((Where("tags", "contains-any", ["y"]), Where("of", "==", "us")), "ab"),
        ((Where("at", ">", NOON + 3 * SECOND),), "e"),
        ((Where("of", "==", "us"), Where("n", ">", 1)), "ad"),
    ],
)
def test_a_query_selects_what_meets_all_conditions(
    some: Database, where: tuple[Where, ...], names: str
) -> None:
    assert "".join(ids(some, Query("things", where))) == names
    assert some.count(Query("things", where)).number == len(names)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ((NAME,), "abcde"),
        (("n",), "bcad"),
        (("-n",), "dacb"),
        (("-n", NAME), "adcb"),
        (("of", "-n"), "cdab"),
        (("-at",), "edcba"),
    ],
)
def test_a_query_has_an_order_and_what_lacks_a_field_of_it_is_left_out(
    some: Database, order: tuple[str, ...], names: str
) -> None:
    assert "".join(ids(some, Query("things", order=order))) == names


def test_a_page_begins_behind_its_cursor(some: Database) -> None:
    def page(order: tuple[str, ...], *after: Any) -> str:
        return "".join(ids(some, Query("things", order=order, after=after, limit=2)))

    assert page((NAME,)) == "ab"
    assert page((NAME,), "things/b") == "cd"
    assert page((NAME,), "things/e") == ""
    assert page(("n", NAME), 3, "things/a") == "d"
    assert page(("n",), 1) == "ca"
    assert page(("-n", NAME), 3, "things/a") == "dc"
    assert page(("at",), NOON) == "bc"


@pytest.mark.parametrize("odd", [5.5, True, "text", NOON, ["list"], {"map": 1}])
def test_a_page_begins_behind_a_place_whatever_is_there(some: Database, odd: Any) -> None:
    some.commit([Put("things/odd", {"n": odd}), Put("things/odd2", {"n": odd})])
    order = ("n", NAME)
    (document,) = some.get_many(["things/odd"], ["n"]).documents.values()
    place = some.place(document, order)
    page = Query("things", order=order, after=place, limit=1)
    assert ids(some, page) == ["odd2"]


def test_a_range_and_a_cursor_go_together(some: Database) -> None:
    of_us = (Where("n", ">=", 1), Where("n", "<", 4))
    query = Query("things", of_us, order=("n", NAME), after=(2, "things/c"), limit=9)
    assert ids(some, query) == ["a", "d"]


def test_a_query_may_ask_for_some_fields_or_none(some: Database) -> None:
    (first,) = some.query(Query("things", order=("n",), select=("n", "of"), limit=1))
    assert first.fields == {"n": 1, "of": "us"}
    assert first.version == version_of(some, "things/b")
    (bare,) = some.query(Query("things", order=("n",), select=(NAME,), limit=1))
    assert (bare.name, bare.fields) == ("things/b", {})


def test_a_collection_below_a_document_is_one_of_its_own(database: Database) -> None:
    database.commit(
        [
            Put("things/a/parts/1", {"n": 1, "wake": NOON}),
            Put("things/a/parts/2", {"n": 2}),
            Put("things/b/parts/1", {"n": 4, "wake": NOON - SECOND}),
            Put("parts/1", {"n": 8, "wake": NOON + SECOND}),
        ]
    )
    below = Query("parts", order=(NAME,), below="things/a")
    assert [it.name for it in database.query(below)] == ["things/a/parts/1", "things/a/parts/2"]
    after = Query("parts", order=(NAME,), below="things/a", after=("things/a/parts/1",))
    assert ids(database, after) == ["2"]
    assert database.sum(Query("parts", below="things/a"), ["n"]).numbers == {"n": 3}
    due = Query("parts", (Where("wake", "<=", NOON),), order=("wake",), everywhere=True)
    assert [it.name for it in database.query(due)] == ["things/b/parts/1", "things/a/parts/1"]
    assert ids(database, Query("parts")) == ["1"]


def test_what_lacks_one_of_the_fields_is_left_out_of_all_sums(database: Database) -> None:
    database.commit(
        [
            Put("things/a", {"n": 1, "m": {"k": 10}}),
            Put("things/b", {"n": 2, "m": {"k": 20}}),
            Put("things/c", {"n": 4}),
        ]
    )
    assert database.sum(Query("things"), ["n", "m.k"]).numbers == {"n": 3, "m.k": 30}
    assert database.sum(Query("none"), ["n"]).numbers == {"n": 0}


# ---- moments ---------------------------------------------------------------------------------


def test_an_earlier_moment_can_be_read_again(some: Database) -> None:
    counted = some.count(Query("things"))
    some.commit([Put("things/f", {"n": 9}), Delete("things/a"), Merge("things/b", {"n": 7})])
    assert counted.number == 5
    assert ids(some, Query("things", order=(NAME,)), counted.read_at) == list("abcde")
    assert ids(some, Query("things", order=(NAME,))) == list("bcdef")
    then = some.get("things/b", read_at=counted.read_at)
    assert then is not None
    assert then.fields["n"] == 1
    assert some.get("things/f", read_at=counted.read_at) is None
    read = some.get_many(["things/b"])
    some.commit([Delete("things/b")])
    assert some.get_many(["things/b"], read_at=read.read_at).documents == read.documents


def test_a_moment_that_is_kept_no_longer_is_said_to_be(some: Database) -> None:
    counted = some.count(Query("things"))
    read_at = counted.read_at
    if isinstance(some, MemoryDatabase):
        some.forget(read_at)
    else:
        read_at = "2020-01-01T00:00:00Z"
    with pytest.raises(SnapshotTooOld):
        some.query(Query("things"), read_at)
    with pytest.raises(SnapshotTooOld):
        some.get("things/a", read_at=read_at)


# ---- changing --------------------------------------------------------------------------------


def one_more(document: Document | None) -> Step[int]:
    number = (document.fields["n"] if document else 0) + 1
    return Step(number, {"n": number})


def test_a_change_creates_and_then_updates(database: Database) -> None:
    assert change(database, "things/a", one_more, "the thing") == 1
    database.commit([Merge("things/a", {"other": "stays"})])
    assert change(database, "things/a", one_more, "the thing") == 2
    assert fields_of(database, "things/a") == {"n": 2, "other": "stays"}


def test_of_many_changes_at_once_each_counts_once(database: Database) -> None:
    def add(_: int) -> int:
        return change(database, "things/a", one_more, "the thing")

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(add, range(8))) == list(range(1, 9))


def test_what_a_change_raises_is_passed_on_and_nothing_is_written(database: Database) -> None:
    def refuse(document: Document | None) -> Step[int]:
        raise NotFound("there is no such thing")

    with pytest.raises(NotFound):
        change(database, "things/a", refuse, "the thing")
    assert database.get("things/a") is None


def test_a_change_without_fields_writes_nothing(database: Database) -> None:
    (version,) = database.commit([Put("things/a", {"n": 1})])
    assert change(database, "things/a", lambda it: Step(it is not None), "the thing")
    assert change(database, "things/a", lambda it: Step("x", also=(Delete("a/b"),)), "it") == "x"
    assert version_of(database, "things/a") == version


def test_a_change_may_write_others_along_and_delete(database: Database) -> None:
    database.commit([Put("things/a", {"n": 1})])
    entry = Create("history/1", {"what": "deleted"})
    change(database, "things/a", lambda _: Step(None, also=(entry,), deletes=True), "the thing")
    assert database.get("things/a") is None
    assert fields_of(database, "history/1") == {"what": "deleted"}
    change(database, "things/a", lambda _: Step(None, deletes=True), "the thing")


def test_a_change_may_rest_on_several_documents(database: Database) -> None:
    """A document that another writer changed since then makes all of it begin again."""

    def moved(documents: Mapping[str, Document]) -> Step[int]:
        a, b = documents.get("things/a"), documents["things/b"]
        if not told:
            database.commit([Update("things/b", {"n": 5})])
        number = int(b.fields["n"])
        told.append((a is not None, number))
        left = Update("things/b", {"n": 0}, b.version)
        return Step(number, {"n": number}, (left,))

    told: list[tuple[bool, int]] = []
    database.commit([Put("things/b", {"n": 3})])
    assert change_with(database, ["things/a", "things/b"], moved, "the things") == 5
    assert told == [(False, 3), (False, 5)]
    assert fields_of(database, "things/a") == {"n": 5}
    assert fields_of(database, "things/b") == {"n": 0}


def number_from(fields: Fields) -> int:
    return int(fields.get("n", 1))


def number_fields(number: int) -> Fields:
    return {"n": number, "none": None}


def twice(number: int) -> int:
    return number * 2


def test_a_record_is_rewritten_where_it_differs(database: Database) -> None:
    def doubled(name: str) -> int:
        return rewrite(database, name, (number_from, number_fields), twice, "the thing")

    assert [doubled("things/a"), doubled("things/a")] == [2, 4]
    assert fields_of(database, "things/a") == {"n": 4}


# ---- answers that are lost -------------------------------------------------------------------


class Faulty:
    """A database whose next commits go as ``faults`` say."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.faults: list[Callable[[Callable[[], Any]], Any]] = []
        self.commits = 0

    def commit(self, writes: Any) -> Any:
        self.commits += 1
        fault = self.faults.pop(0) if self.faults else lambda send: send()
        return fault(lambda: self._database.commit(writes))

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._database, verb)


def lost_after(send: Callable[[], Any]) -> Any:
    send()
    raise LostAnswer("the line broke")


def lost_before(_: Callable[[], Any]) -> Any:
    raise LostAnswer("the line broke")


def busy(_: Callable[[], Any]) -> Any:
    raise TryAgain("too much contention")


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Faulty:
    monkeypatch.setattr(changing, "LONGEST_WAIT_SECONDS", 0.001)
    return Faulty(MemoryDatabase())


@pytest.mark.parametrize("fault", [lost_after, lost_before, busy], ids=lambda it: it.__name__)
@pytest.mark.parametrize("begun", [False, True])
def test_a_change_whose_answer_was_lost_counts_once(
    faulty: Faulty, fault: Callable[..., Any], *, begun: bool
) -> None:
    database: Any = faulty
    if begun:
        faulty.commit([Put("things/a", {"n": 1})])
    commits = faulty.commits
    faulty.faults = [fault]
    assert change(database, "things/a", one_more, "the thing") == 1 + begun
    assert fields_of(database, "things/a") == {"n": 1 + begun}
    assert faulty.commits - commits == (1 if fault is lost_after else 2)


@pytest.mark.parametrize("fault", [lost_after, lost_before, busy], ids=lambda it: it.__name__)
def test_a_deletion_whose_answer_was_lost_happened_once(
    faulty: Faulty, fault: Callable[..., Any]
) -> None:
    def delete(document: Document | None) -> Step[str]:
        if document is None:
            raise NotFound("there is no such thing")
        return Step(str(document.fields["n"]), deletes=True)

    database: Any = faulty
    database.commit([Put("things/a", {"n": 1})])
    faulty.faults = [fault]
    assert change(database, "things/a", delete, "the thing") == "1"
    with pytest.raises(NotFound):
        change(database, "things/a", delete, "the thing")


def test_a_lost_answer_does_not_make_anothers_write_ours(faulty: Faulty) -> None:
    database: Any = faulty

    def another_was_first(_: Callable[[], Any]) -> Any:
        faulty.commit([Put("things/a", {"n": 5})])
        raise LostAnswer("the line broke")

    faulty.faults = [another_was_first]
    assert change(database, "things/a", one_more, "the thing") == 6


def test_contention_that_does_not_end_is_for_later(faulty: Faulty) -> None:
    database: Any = faulty
    faulty.faults = [busy] * 99
    with pytest.raises(TryAgain, match="the thing is busy"):
        change(database, "things/a", one_more, "the thing")
    assert faulty.commits == changing.TRIES


def test_the_rest_database_says_that_an_answer_was_lost(rest: FirestoreRest, line: BadLine) -> None:
    database = RestDatabase(rest)
    line.next(":commit", "mute")
    with pytest.raises(LostAnswer):
        database.commit([Create("things/a", {"n": 1})])
    line.next(":commit", "mute")
    assert change(database, "things/a", one_more, "the thing") == 2
    assert line.sent(":commit") == 2


# ---- names, and what cannot be decoded -------------------------------------------------------


def test_a_name_of_somebody_elses_making_leads_nowhere() -> None:
    assert document_name("things", "a", "parts", "1") == "things/a/parts/1"
    for id in ("", "..", "a/b", "__x__"):
        with pytest.raises(NotFound):
            document_name("things", id)


def test_a_value_that_google_cannot_decode_hides_no_document(
    client: Client, rest: FirestoreRest
) -> None:
    elsewhere = Client(project="elsewhere", credentials=client._credentials)
    for id, value in (("a", 1), ("b", elsewhere.document("accounts/a1")), ("c", 3)):
        client.collection("things").document(id).set({"value": value, "other": id})
    elsewhere.close()
    database = GoogleDatabase(client, lambda: RestDatabase(rest))
    found = database.query(Query("things", order=(NAME,)))
    assert [(it.id, it.fields["other"]) for it in found] == [("a", "a"), ("b", "b"), ("c", "c")]
    many = database.get_many(["things/b", "things/none"], ["other"]).documents
    assert {name: it.fields for name, it in many.items()} == {"things/b": {"other": "b"}}
    whole = database.get("things/b")
    assert whole is not None
    database.commit([Update("things/b", {"other": "new"}, whole.version)])


# ---- in memory only --------------------------------------------------------------------------


def test_a_copy_holds_the_same_now_and_before_and_goes_its_own_way() -> None:
    first, query = MemoryDatabase(), Query("parts", order=(NAME,), everywhere=True)
    first.commit([Put("things/a/parts/1", {"tally": {"sent": 1}})])
    read_at = first.count(query).read_at
    first.commit([Put("things/a/parts/2", {})])
    second = first.copy()
    second.commit([Update("things/a/parts/1", {"tally.sent": 2}), Delete("things/a/parts/2")])
    assert (ids(first, query), ids(second, query)) == (["1", "2"], ["1"])
    assert (ids(first, query, read_at), ids(second, query, read_at)) == (["1"], ["1"])
    assert fields_of(first, "things/a/parts/1") == {"tally": {"sent": 1}}
    assert fields_of(second, "things/a/parts/1") == {"tally": {"sent": 2}}
