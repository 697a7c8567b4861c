"""Kind and size of an image are read from its first bytes, and never more than they claim."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.emulators.web.sites import png
from shared.adapters.web.images import ImageHead, read_image

EXIF = b"\xff\xe1\x00\x0aExif\x00\x00\xff\xc0"
"""A segment with what looks like a frame inside."""


def jpeg(width: int, height: int, frame: int = 0xC0) -> bytes:
    sides = struct.pack(">HH", height, width)
    return b"\xff\xd8" + EXIF + b"\xff\xff" + bytes([frame]) + b"\x00\x11\x08" + sides + b"\x03"


def riff(form: bytes, rest: bytes) -> bytes:
    return b"RIFF\x00\x00\x00\x00WEBP" + form + b"\x00\x00\x00\x00" + rest


IMAGES = {
    "png": png(640, 360),
    "gif": b"GIF89a" + struct.pack("<HH", 640, 360),
    "jpeg": jpeg(640, 360),
    "progressive jpeg": jpeg(640, 360, 0xC2),
    "bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, 640, -360),
    "old bmp": b"BM" + bytes(12) + struct.pack("<IHH", 12, 640, 360),
    "lossy webp": riff(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 640, 360)),
    "lossless webp": riff(b"VP8L", b"\x2f" + struct.pack("<I", 639 | 359 << 14)),
    "extended webp": riff(b"VP8X", bytes(4) + b"\x7f\x02\x00" + b"\x67\x01\x00"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_images_kind_and_size_are_read_from_its_head(name: str) -> None:
    assert read_image(IMAGES[name]) == ImageHead(name.split()[-1], 640, 360)


@pytest.mark.parametrize("name", IMAGES)
def test_a_head_that_is_cut_off_has_a_kind_at_most(name: str) -> None:
    for length in range(len(IMAGES[name][:40])):
        head = read_image(IMAGES[name][:length])
        assert head.kind in ("", name.split()[-1])
        assert (head.width, head.height) in ((0, 0), (640, 360))


@pytest.mark.parametrize(
    "other", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE"]
)
def test_anything_else_is_no_image(other: bytes) -> None:
    assert read_image(other) == ImageHead()


def test_a_jpeg_without_a_frame_has_no_size() -> None:
    assert read_image(b"\xff\xd8\xff\xda\x00\x02") == ImageHead("jpeg")


@given(st.sampled_from(sorted(IMAGES)), st.binary(max_size=64), st.integers(0, 64))
def test_no_bytes_break_the_reading(name: str, noise: bytes, at: int) -> None:
    image = IMAGES[name]
    head = read_image(image[:at] + noise + image[at + len(noise) :])
    assert head.width >= 0
    assert head.height >= 0
