"""What every emulator's start and stop promise to the test that uses it."""

import asyncio
import contextlib
import gc
import socket
import threading
import time

import httpx
import pytest
from aiohttp import web

from local.emulators.background import ServedApp


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="Ok")


def an_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/", _ok)
    return app


def test_a_served_app_answers_until_its_block_ends_even_by_an_error() -> None:
    served = ServedApp(an_app())
    with contextlib.suppress(KeyError), served:
        assert served.url == f"http://{served.address}"
        assert httpx.get(served.url, timeout=60).text == "Ok"
        raise KeyError
    with pytest.raises(httpx.ConnectError):
        httpx.get(served.url, timeout=60)


def test_what_keeps_an_app_from_listening_is_raised_to_its_caller() -> None:
    with ServedApp(an_app()) as first, pytest.raises(OSError, match="in use"):
        ServedApp(an_app(), port=int(first.address.rpartition(":")[2])).start()


def test_a_request_that_never_ends_does_not_keep_an_app_from_stopping() -> None:
    started = threading.Event()

    async def endless(_: web.Request) -> web.Response:
        started.set()
        await asyncio.Event().wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", endless)
    with ServedApp(app) as served, socket.socket() as caller:
        host, _, port = served.address.partition(":")
        caller.connect((host, int(port)))
        caller.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert started.wait(timeout=10)


def test_connections_made_while_an_app_stops_are_closed() -> None:
    """asyncio would drop them unclosed, and a later test would fail by their ResourceWarning."""
    addresses: list[tuple[str, int]] = []
    ended = threading.Event()

    def connect() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError, IndexError), socket.socket() as caller:
                caller.settimeout(0.2)
                caller.connect(addresses[-1])

    callers = [threading.Thread(target=connect) for _ in range(2)]
    for caller in callers:
        caller.start()
    for _ in range(10):
        with ServedApp(an_app()) as served:
            host, _, port = served.address.partition(":")
            addresses.append((host, int(port)))
            time.sleep(0.02)
    ended.set()
    for caller in callers:
        caller.join()
    gc.collect()
