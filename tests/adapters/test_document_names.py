"""Which texts can name a document in Firestore, and how a field of any name is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.firestore.rest import FirestoreRest
from shared.domain.errors import NotFound
from shared.stores.field_paths import quoted, split
from shared.stores.names import can_name

EMOJI = "\N{PARTY POPPER}"
NAMES = ["a", " ", "*", "a.b", "...", "__x", "x__", "_x_", "a\nb", "x" * 1500, EMOJI * 375]
NO_NAMES = [
    "",
    ".",
    "..",
    "a/b",
    "/",
    "a\x00",
    "____",
    "__x__",
    "__a\nb__",
    "x" * 1501,
    EMOJI * 376,
]


def test_a_name_is_what_firestore_takes_for_one() -> None:
    assert [each for each in NAMES if not can_name(each)] == []
    assert [each for each in NO_NAMES if can_name(each)] == []


@pytest.mark.parametrize("name", NO_NAMES)
def test_there_is_nothing_of_a_name_that_can_be_none(name: str) -> None:
    rest = FirestoreRest("demo", "127.0.0.1:9")
    with pytest.raises(NotFound):
        rest.name("devices", name)
    rest.close()


@given(st.text(min_size=1) | st.text("`\\.\na", min_size=1))
def test_a_path_leads_to_the_field_of_the_name_it_was_made_of(name: str) -> None:
    assert split(quoted(name)) == (name,)


def test_a_plain_word_is_its_own_path() -> None:
    assert [quoted(name) for name in ("fcmToken", "_a1", "1a", "a.b", "é")] == [
        *("fcmToken", "_a1", "`1a`", "`a.b`", "`é`")
    ]
