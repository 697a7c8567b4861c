"""Whatever is done to an archive, it is found, and nothing ends the search."""

import gzip
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.archive.life import Life
from shared.domain.archive.objects import Unreadable, opened, place_of
from shared.flow.archive.replay import replay
from tests.archive.parts import N1, N2, World
from tests.archive.tampering import places_of

ARCHIVED = dict(World().archived(N1, N2, devices=9).archive.objects)


def tampered(objects: dict[str, bytes]) -> World:
    """Build a world with the same notifications in Firestore, and these objects in the archive."""
    world = World().archived(N1, N2, devices=9)
    world.archive.objects = objects
    return world


def meaning(name: str, content: bytes) -> bytes:
    """Read what an object says, apart from how it is packed or written."""
    if name.endswith(".json"):
        return json.dumps(json.loads(content), sort_keys=True).encode()
    return opened(content)


@given(data=st.data())
@settings(max_examples=150)
def test_any_flipped_bit_that_changes_what_is_said_is_found(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(ARCHIVED)))
    true = ARCHIVED[name]
    flipped = bytearray(true)
    flipped[data.draw(st.integers(0, len(true) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    world = tampered({**ARCHIVED, name: bytes(flipped)})
    try:
        same = meaning(name, bytes(flipped)) == meaning(name, true)
    except (Unreadable, ValueError):
        same = False
    assert same == (world.codes() == set())


@given(data=st.data())
@settings(max_examples=80)
def test_any_edit_of_lines_is_found_and_names_the_object(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(n for n in ARCHIVED if n.endswith(".gz"))))
    lines = gzip.decompress(ARCHIVED[name]).decode().split("\n")[:-1]
    edited = list(lines)
    at = data.draw(st.integers(0, len(lines) - 1))
    match data.draw(st.sampled_from(["drop", "repeat", "swap", "edit"])):
        case "drop":
            del edited[at]
        case "repeat":
            edited.insert(at, edited[at])
        case "swap":
            edited[0], edited[at] = edited[at], edited[0]
        case "edit":
            edited[at] = edited[at].replace('"at":"2026', '"at":"2027', 1).replace(":1,", ":3,", 1)
    if edited == lines:
        return
    content = gzip.compress("".join(f"{line}\n" for line in edited).encode())
    world = tampered({**ARCHIVED, name: content})
    assert name in {where.split(" line ")[0] for where in places_of(world, "altered")}


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(10**9), 10**9)
    | st.text(max_size=9)
    | st.sampled_from(["delivered", "2026-01-01T12:00:00", "0001-01-01T00:00:00+23:59"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(data=st.data())
@settings(max_examples=300)
def test_whatever_is_put_in_a_line_is_found_and_ends_neither_verification_nor_replay(
    data: st.DataObject,
) -> None:
    name = data.draw(st.sampled_from(sorted(n for n in ARCHIVED if n.endswith(".gz"))))
    lines = gzip.decompress(ARCHIVED[name]).split(b"\n")
    at = data.draw(st.integers(0, len(lines) - 2))
    facts = json.loads(lines[at])
    facts[data.draw(st.sampled_from(sorted(facts)))] = data.draw(ANYTHING)
    lines[at] = json.dumps(facts).encode()
    if gzip.decompress(ARCHIVED[name]) == b"\n".join(lines):
        return
    world = tampered({**ARCHIVED, name: gzip.compress(b"\n".join(lines))})
    assert name in {where.split(" line ")[0] for where in places_of(world, "altered", deep=True)}
    place = place_of(name)
    assert place is not None
    assert list(replay(place.notification_id, world.archive, Life()))
