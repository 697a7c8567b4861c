"""Which texts can name a document in Firestore."""

import pytest

from shared.adapters.firestore.rest import FirestoreRest
from shared.domain.errors import NotFound
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
