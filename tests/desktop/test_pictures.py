"""A notification's picture is fetched for the desktop, and never at the price of its words."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.desktop.note import Note
from cli.desktop.pictures import MOST_BYTES, MOST_SECONDS, Pictures

PNG = {"Content-Type": "image/png; x=y"}
ADDRESS = "https://img.example/a.png"


class Site(httpx.BaseTransport):
    """A web site with one answer, or none."""

    def __init__(self, answer: httpx.Response | Exception) -> None:
        self._answer = answer
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def picture(site: Site, file: Path, url: str = ADDRESS) -> str:
    with httpx.Client(transport=site) as client:
        return Pictures(client, file).address_of(Note("n1", image=url))


def test_a_picture_lies_in_a_file_and_the_next_takes_its_place(tmp_path: Path) -> None:
    for body in (b"one", b"two"):
        site = Site(httpx.Response(200, headers=PNG, content=body))
        assert picture(site, tmp_path / "x y.json") == (tmp_path / "x y.png").as_uri()
        assert (tmp_path / "x y.png").read_bytes() == body
    assert [it.name for it in tmp_path.iterdir()] == ["x y.png"]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, headers=PNG, content=b"x"),
        httpx.Response(302, headers={**PNG, "Location": "http://127.0.0.1/"}, content=b"x"),
        httpx.Response(200, headers={"Content-Type": "text/html"}, content=b"x"),
        httpx.Response(200, headers={"Content-Type": "image/svg+xml"}, content=b"x"),
        httpx.Response(200, content=b"x"),
        httpx.Response(200, headers=PNG),
        httpx.Response(200, headers=PNG, content=b"x" * (MOST_BYTES + 1)),
        httpx.ConnectError("no route"),
    ],
    ids=["gone", "elsewhere", "a page", "a script", "nameless", "empty", "huge", "away"],
)
def test_what_is_no_picture_is_left_out(tmp_path: Path, answer: httpx.Response | Exception) -> None:
    site = Site(answer)
    assert picture(site, tmp_path / "x.json") == ""
    assert len(site.requests) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["", "http://img.example/a.png", "file:///etc/passwd", "https:"])
def test_only_the_web_is_asked(tmp_path: Path, url: str) -> None:
    site = Site(httpx.Response(200, headers=PNG, content=b"x"))
    assert picture(site, tmp_path / "x.json", url) == ""
    assert site.requests == []


def test_one_that_comes_too_slowly_is_given_up(tmp_path: Path) -> None:
    now = 0.0

    def drops() -> Iterator[bytes]:
        nonlocal now
        for _ in range(100):
            now += MOST_SECONDS / 4
            yield b"x"

    site = Site(httpx.Response(200, headers=PNG, content=drops()))
    with httpx.Client(transport=site) as client:
        pictures = Pictures(client, tmp_path / "x.json", lambda: now)
        assert pictures.address_of(Note("n1", image=ADDRESS)) == ""
    assert now < MOST_SECONDS * 2


def test_a_disk_that_is_full_costs_the_picture_only(tmp_path: Path) -> None:
    site = Site(httpx.Response(200, headers=PNG, content=b"x"))
    assert picture(site, tmp_path / "no-such-folder" / "x.json") == ""
