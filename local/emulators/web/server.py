"""A few sites of the web, emulated on this machine over TLS: the demo's domains and some others.

What a path does is in ``sites``. The functions of the local stack see these sites and no others:
``FANFARE_LOCAL_WEB`` names the file that says where they are and whom to trust.
"""

import argparse
import json
import signal
import socket
import ssl
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from local.emulators.web.certificates import SitesCa
from local.emulators.web.sites import handler_for

HOSTS = (
    "news.aurora.example",
    "sport.aurora.example",
    "draft.aurora.example",
    "shop.borealis.example",
    "images.example",
    "elsewhere.example",
    "hostile.example",
)
MOST_REQUEST_BYTES = 64 * 1024


@dataclass
class Sites:
    """The sites; ``received`` is every request: its host and path."""

    received: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0

    def serve(self, visitor: "_Connection") -> None:
        """Answer one connection's one request."""
        head = visitor.head().split("\r\n")
        path = head[0].split(" ")[1]
        host = next(line[6:] for line in head if line.lower().startswith("host: "))
        self.received.append((host, path))
        handler_for(path)(visitor, host, path)


class _Connection:
    """``Visitor`` over a socket."""

    def __init__(self, connection: socket.socket, ended: threading.Event) -> None:
        self._socket, self._ended = connection, ended

    def head(self) -> str:
        read = b""
        while b"\r\n\r\n" not in read:
            part = self._socket.recv(4096)
            if not part or len(read) > MOST_REQUEST_BYTES:
                raise ConnectionError("no request")
            read += part
        return read.decode("latin-1")

    def send(self, part: bytes) -> None:
        self._socket.sendall(part)
        self.pause(0)

    def pause(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise ConnectionAbortedError

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class ServedSites:
    """Sites, in threads: ``with ServedSites() as sites: sites.address``."""

    def __init__(
        self,
        hosts: Sequence[str] = HOSTS,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        trust: ssl.SSLContext | None = None,
        ca: SitesCa | None = None,
    ) -> None:
        self.sites = Sites()
        self.ca = ca or SitesCa()
        self._trust = trust or self.ca.server_context(hosts)
        self._at = (host, port)
        self._ended = threading.Event()
        self._going: dict[threading.Thread, socket.socket] = {}

    @property
    def address(self) -> str:
        """``127.0.0.1:N``."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._listener = socket.create_server(self._at)
        self._thread = threading.Thread(target=self._accept, name="sites", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for thread, connection in list(self._going.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.sites.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._going[thread] = connection
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with plain, suppress(OSError), self._trust.wrap_socket(plain, server_side=True) as secure:
            self._going[threading.current_thread()] = secure
            self.sites.serve(_Connection(secure, self._ended))
        self._going.pop(threading.current_thread(), None)


def sites_json(address: str, ca_file: Path) -> str:
    """Build the content of the file that ``FANFARE_LOCAL_WEB`` names."""
    hosts = dict.fromkeys(HOSTS, address)
    return json.dumps({"hosts": hosts, "caFile": str(ca_file)}, indent=2) + "\n"


def _write(path: Path, address: str, ca_file: Path) -> None:
    path.write_text(sites_json(address, ca_file.resolve()))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.emulators.web.server",
        description=f"An emulator for the web: {', '.join(HOSTS)}.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="TLS; default: any free one")
    parser.add_argument(
        "--sites-file", type=Path, required=True, help="where to write which hosts answer where"
    )
    parser.add_argument(
        "--ca-file", type=Path, required=True, help="where to write the certificate to trust"
    )
    given = parser.parse_args()
    ca = SitesCa()
    given.ca_file.write_bytes(ca.pem)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sites = ServedSites(host=given.host, port=given.port, ca=ca)
    if given.port:  # whoever waits until the port answers then finds the file
        _write(given.sites_file, f"{given.host}:{given.port}", given.ca_file)
    with suppress(KeyboardInterrupt), sites:
        if not given.port:
            _write(given.sites_file, sites.address, given.ca_file)
        print(f"sites answer on https://{sites.address}, see {given.sites_file}", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
