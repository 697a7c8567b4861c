"""Reading compressed headers: what any encoder may write, and nothing that no encoder writes."""

import pytest
from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.http2.frames import NotHttp2
from shared.wire.http2.headers import HeaderReader, decoded

TEXTS = st.text(st.characters(max_codepoint=255), max_size=40)
NAMES = st.sampled_from([":status", "apns-id", "content-type", "x-a", "x-b"]) | TEXTS
VALUES = st.sampled_from(["200", "410", "", "application/json"]) | TEXTS
BLOCKS = st.lists(st.dictionaries(NAMES, VALUES, max_size=6), min_size=1, max_size=12)
SIZES = st.none() | st.sampled_from([0, 40, 100, 400, 4096])


def pairs(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]


@given(BLOCKS, st.lists(SIZES, min_size=12, max_size=12), st.booleans())
def test_whatever_an_encoder_writes_block_after_block_is_read_as_it_was_meant(
    blocks: list[dict[str, str]], sizes: list[int | None], huffman: bool
) -> None:
    encoder, reader = Encoder(), HeaderReader()
    for headers, size in zip(blocks, sizes, strict=False):
        if size is not None:
            encoder.header_table_size = size
        assert reader.read(encoder.encode(pairs(headers), huffman=huffman)) == headers


@given(BLOCKS, st.lists(SIZES, min_size=12, max_size=12), st.booleans())
def test_what_is_wanted_is_read_whether_or_not_the_server_keeps_a_table(
    blocks: list[dict[str, str]], sizes: list[int | None], huffman: bool
) -> None:
    encoder, reader = Encoder(), HeaderReader({":status", "x-a"})
    for headers, size in zip(blocks, sizes, strict=False):
        if size is not None:
            encoder.header_table_size = size
        told = reader.read(encoder.encode(pairs(headers), huffman=huffman))
        assert told.items() <= headers.items()
        for name in (":status", "x-a"):
            assert told.get(name) == headers.get(name)


def test_what_nobody_wants_is_not_decoded_where_no_table_is_kept() -> None:
    reader = HeaderReader({":status"})
    without_a_table = b"\x20"
    broken = b"\x00\x01a\x84\xff\xff\xff\xff"
    assert reader.read(without_a_table + b"\x88" + broken) == {":status": "200"}


@given(st.lists(st.integers(0, 6000), max_size=16))
def test_entries_that_fall_out_of_a_full_table_are_forgotten_in_step(sizes: list[int]) -> None:
    encoder, reader = Encoder(), HeaderReader()
    for number, size in enumerate([*sizes, *sizes]):
        headers = {f"x-{number % 5}": f"{number}".ljust(size, "-")}
        assert reader.read(encoder.encode(pairs(headers))) == headers


@given(st.binary(max_size=40))
def test_any_bytes_are_read_as_another_decoder_reads_them_or_refused(block: bytes) -> None:
    try:
        expected = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in Decoder().decode(block, raw=True)
        }
    except HPACKError:
        with pytest.raises(NotHttp2):
            HeaderReader().read(block)
    else:
        assert HeaderReader().read(block) == expected


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"\x80", "in no table"),
        (b"\xbe", "in no table"),
        (b"\x40\x05abc", "half a header"),
        (b"\x40", "half a header"),
        (b"\x88\x3f\x09", "size changes"),
        (b"\x3f\xe2\x1f", "larger table"),
        (b"\xff\xff\xff\xff\xff\xff\x7f", "too large a number"),
    ],
)
def test_a_broken_block_is_refused_with_its_fault(block: bytes, why: str) -> None:
    with pytest.raises(NotHttp2, match=why):
        HeaderReader().read(block)


@pytest.mark.parametrize("coded", [b"\xff\xff\xff\xff", b"\x00\x00\x07\xff\xff", b"\x1f\xff"])
def test_a_string_that_ends_where_none_may_is_refused(coded: bytes) -> None:
    with pytest.raises(NotHttp2):
        decoded(coded)
