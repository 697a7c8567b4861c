"""A server of one file, with ranges, that can be told to answer otherwise than it should."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HALF = 120_000


@dataclass
class JarServer:
    """``faults`` answer the next requests, one each; those after them get the file."""

    content: bytes
    etag: str = '"first"'
    faults: list["Fault"] = field(default_factory=list)
    requests: list[Mapping[str, str]] = field(default_factory=list)
    """Headers of every request, and its target under ``target``."""
    url: str = ""
    """Address of the file."""

    @property
    def mirror(self) -> str:
        """The folder that the file is in."""
        return self.url.rpartition("/")[0]

    @property
    def ranges(self) -> list[str | None]:
        """Part that each request asked for."""
        return [each.get("Range") for each in self.requests]


class Answer(BaseHTTPRequestHandler):
    """One request of a client."""

    protocol_version = "HTTP/1.1"
    site: JarServer

    def do_GET(self) -> None:
        """Answer with the file, or as the next fault says."""
        self.close_connection = True
        site = self.site
        site.requests.append({**self.headers, "target": self.path})
        (site.faults.pop(0) if site.faults else serve)(self)

    def head(self, status: int, length: int | None, **headers: str) -> None:
        """Send status and headers."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


Fault = Callable[[Answer], None]


def begin(answer: Answer) -> bytes:
    """Send the head of a right answer; return the bytes that are to follow."""
    site = answer.site
    wanted = answer.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-")
    condition = answer.headers.get("If-Range", site.etag)
    if "Range" not in answer.headers or condition != site.etag:
        answer.head(200, len(site.content), ETag=site.etag)
        return site.content
    rest = site.content[int(wanted) :]
    total = len(site.content)
    answer.head(206, len(rest), ETag=site.etag, Content_Range=f"bytes {wanted}-{total - 1}/{total}")
    return rest


def serve(answer: Answer) -> None:
    """Answer as one should."""
    answer.wfile.write(begin(answer))


def cut(answer: Answer) -> None:
    """Close the connection in the middle."""
    answer.wfile.write(begin(answer)[:HALF])


def silent(answer: Answer) -> None:
    """Close the connection without a word."""


def status(code: int, body: bytes = b"") -> Fault:
    """Answer with another status."""

    def fault(answer: Answer) -> None:
        answer.head(code, len(body))
        answer.wfile.write(body)

    return fault


def redirect(answer: Answer) -> None:
    """Send the client elsewhere on this server."""
    answer.head(302, 0, Location="/elsewhere/it.jar")


def whole_whatever_is_asked(answer: Answer) -> None:
    """Answer as a server that knows no ranges."""
    answer.head(200, len(answer.site.content))
    answer.wfile.write(answer.site.content)


def without_length(body: bytes) -> Fault:
    """Answer with other bytes, whose number is not told beforehand."""

    def fault(answer: Answer) -> None:
        answer.head(200, None)
        answer.wfile.write(body)

    return fault


def half_until(event: threading.Event) -> Fault:
    """Send one half, and the other when the event has happened."""

    def fault(answer: Answer) -> None:
        body = begin(answer)
        answer.wfile.write(body[:HALF])
        answer.wfile.flush()
        event.wait()
        answer.wfile.write(body[HALF:])

    return fault


@contextmanager
def serving(content: bytes, name: str = "it.jar") -> Iterator[JarServer]:
    """Run a server of the file until the end of the block."""
    site = JarServer(content)
    handler = type("Handler", (Answer,), {"site": site})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        site.url = f"http://127.0.0.1:{server.server_port}/jars/{name}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
