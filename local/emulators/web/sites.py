"""The behaviour of the emulated sites, by path: some as sites should, most as they should not."""

import gzip
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol


class Visitor(Protocol):
    """Client, which is answered until it hangs up or the emulator ends (an ``OSError``)."""

    def send(self, part: bytes) -> None: ...

    def pause(self, seconds: float) -> None: ...

    def reset(self) -> None: ...


Handler = Callable[[Visitor, str, str], None]
"""Function that answers a request for a host and a path."""

PAUSE_SECONDS = 0.05
"""Pause between the bytes of a server that is slow on purpose."""


def png(width: int = 640, height: int = 360) -> bytes:
    """Encode a whole image in one colour."""
    rows = (b"\x00" + b"\x2f\x6f\xdf" * width) * height
    return _png_head(width, height) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def png_bomb() -> bytes:
    """Encode an image that claims to be as large as a claim can be."""
    return _png_head(2**31 - 1, 2**31 - 1) + _chunk(b"IEND", b"")


def _png_head(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def answer(status: str = "200 OK", body: bytes = b"", **headers: str) -> Handler:
    """Create a plain answer that ends by itself; names of headers have underscores for hyphens."""

    def handler(visitor: Visitor, _host: str, _path: str) -> None:
        named = {"content_length": str(len(body)), **headers}
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
        head = "\r\n".join((f"HTTP/1.1 {status}", *lines, "", ""))
        visitor.send(head.encode() + body)

    return handler


def page(body: bytes = b"<!doctype html><title>A page</title>") -> Handler:
    return answer(body=body, content_type="text/html; charset=utf-8")


def image(body: bytes, kind: str = "image/png") -> Handler:
    return answer(body=body, content_type=kind)


def redirect(location: str, status: str = "302 Found") -> Handler:
    return answer(status, location=location)


def endless_redirects(visitor: Visitor, host: str, path: str) -> None:
    """Redirect to a path that was never asked for before, at each hop."""
    number = path.rpartition("/")[2]
    there = int(number) + 1 if number.isdecimal() else 1
    redirect(f"https://{host}/endless-redirects/{there}")(visitor, host, path)


def endless_body(visitor: Visitor, _host: str, _path: str) -> None:
    """Send an image that never ends."""
    visitor.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + png())
    while True:
        visitor.send(bytes(16 * 1024))


def slow_headers(visitor: Visitor, _host: str, _path: str) -> None:
    """Send a byte now and then, for ever."""
    visitor.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        visitor.send(b"X-Padding: a\r\n")
        visitor.pause(PAUSE_SECONDS)


def endless_headers(visitor: Visitor, _host: str, _path: str) -> None:
    """Send headers without end, as fast as they are read."""
    visitor.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        visitor.send(b"X-Padding: " + b"a" * 1000 + b"\r\n")


def endless_continues(visitor: Visitor, _host: str, _path: str) -> None:
    """Send interim answers only, without end."""
    while True:
        visitor.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def slow_body(visitor: Visitor, _host: str, _path: str) -> None:
    """Send an image, a byte at a time."""
    visitor.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
    while True:
        visitor.send(b"\x89")
        visitor.pause(PAUSE_SECONDS)


def silence(visitor: Visitor, _host: str, _path: str) -> None:
    visitor.pause(3600)


def reset(visitor: Visitor, _host: str, _path: str) -> None:
    visitor.reset()


def no_http(visitor: Visitor, _host: str, _path: str) -> None:
    visitor.send(b"220 mail.example ESMTP\r\n")


HANDLERS: Mapping[str, Handler] = {
    "/image.png": image(png()),
    "/tiny.png": image(png(1, 1)),
    "/bomb.png": image(png_bomb()),
    "/large.png": image(png() + bytes(1024 * 1024)),
    "/lying.png": image(b"<!doctype html><script>alert(1)</script>"),
    "/jpeg-in-name.jpg": image(png(), "image/jpeg"),
    "/as-text.png": answer(body=png(), content_type="text/plain"),
    "/page.png": page(),
    "/gzip.png": answer(
        body=gzip.compress(bytes(4 * 1024 * 1024)),
        content_type="image/png",
        content_encoding="gzip",
    ),
    "/app.apk": answer(body=b"PK\x03\x04", content_type="application/vnd.android.package-archive"),
    "/attached": answer(
        body=b"MZ", content_type="text/plain", content_disposition='attachment; filename="run.exe"'
    ),
    "/missing": answer("404 Not Found", b"no", content_type="text/html"),
    "/broken": answer("500 Internal Server Error", content_type="text/html"),
    "/redirect": redirect("/"),
    "/redirect-to-image": redirect("/image.png", "308 Permanent Redirect"),
    "/loop": redirect("/loop-back"),
    "/loop-back": redirect("/loop"),
    "/elsewhere": redirect("https://elsewhere.example/"),
    "/to-http": redirect("http://news.aurora.example/"),
    "/to-file": redirect("file:///etc/passwd"),
    "/to-metadata": redirect("https://169.254.169.254/computeMetadata/v1/"),
    "/to-localhost": redirect("https://127.0.0.1/"),
    "/to-private": redirect("https://private.example/"),
    "/to-nonsense": redirect("https://[half/"),
    "/to-credentials": redirect("https://news.aurora.example@elsewhere.example/"),
    "/endless-redirects": endless_redirects,
    "/endless-body": endless_body,
    "/endless-headers": endless_headers,
    "/endless-continues": endless_continues,
    "/slow-headers": slow_headers,
    "/slow-body": slow_body,
    "/silence": silence,
    "/reset": reset,
    "/no-http": no_http,
}


def handler_for(path: str) -> Handler:
    """Return what a path does; any other path is an ordinary page or image."""
    plain = path.partition("?")[0]
    if plain in HANDLERS:
        return HANDLERS[plain]
    if plain.startswith("/endless-redirects/"):
        return endless_redirects
    if plain.endswith((".png", ".jpg", ".jpeg", ".webp")):
        return HANDLERS["/image.png"]
    return page()
