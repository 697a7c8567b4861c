"""Threat lists: Google Web Risk on the wire, a file of the operator's, and none."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from aiohttp import web

from local.emulators.background import ServedApp
from shared.adapters.web.threats import NoThreats, ThreatFile, threats
from shared.adapters.web.web_risk import LISTS, WebRisk
from shared.domain.errors import TryAgain
from shared.settings import SettingsError, read
from shared.wire.tokens import CredentialsRefused, CredentialsUnavailable
from tests.parts import ENVIRONMENT

URL = "https://evil.example/пай?a=1&b=%20#c"


class Tokens:
    def __init__(self, token: str | Exception = "t0ken") -> None:
        self.token = token

    def current(self, refused: str = "") -> str:
        if isinstance(self.token, Exception):
            raise self.token
        return self.token


class Google:
    """Answers ``uris:search`` with what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: object = {}
        self.status = 200
        self.requests: list[tuple[Mapping[str, str], list[tuple[str, str]]]] = []

    async def search(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), list(request.query.items())))
        if isinstance(self.answer, str):
            return web.Response(text=self.answer, status=self.status)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def served(google: Google) -> Iterator[str]:
    app = web.Application()
    app.router.add_get("/v1/uris:search", google.search)
    with ServedApp(app) as served:
        yield served.url


def test_google_is_asked_for_every_list_about_the_whole_address(
    google: Google, served: str
) -> None:
    assert WebRisk(Tokens(), served).of(URL, seconds=5) == ()
    headers, query = google.requests[0]
    assert headers["Authorization"] == "Bearer t0ken"
    assert query == [*(("threatTypes", name) for name in LISTS), ("uri", URL)]


def test_the_lists_an_address_is_on_are_told(google: Google, served: str) -> None:
    google.answer = {
        "threat": {"threatTypes": ["MALWARE", "SOCIAL_ENGINEERING"], "expireTime": "2030-01-01"}
    }
    assert WebRisk(Tokens(), served).of(URL, seconds=5) == ("MALWARE", "SOCIAL_ENGINEERING")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_an_answer_that_is_none_is_not_taken_for_all_clear(
    google: Google, served: str, status: int
) -> None:
    google.status = status
    with pytest.raises(TryAgain):
        WebRisk(Tokens(), served).of(URL, seconds=5)


@pytest.mark.parametrize("answer", ["", "no", "[]", '{"threat": 1}', '{"threats": {}}', "null"])
def test_an_answer_of_another_shape_is_not_taken_for_all_clear(
    google: Google, served: str, answer: str
) -> None:
    google.answer = answer
    with pytest.raises(TryAgain):
        WebRisk(Tokens(), served).of(URL, seconds=5)


@pytest.mark.parametrize("failed", [CredentialsRefused("no"), CredentialsUnavailable("later")])
def test_without_a_token_nothing_is_asked(google: Google, served: str, failed: Exception) -> None:
    with pytest.raises(TryAgain):
        WebRisk(Tokens(failed), served).of(URL, seconds=5)
    assert google.requests == []


def test_a_server_that_is_not_there_is_no_all_clear() -> None:
    with pytest.raises(TryAgain):
        WebRisk(Tokens(), "http://127.0.0.1:1").of(URL, seconds=5)


def test_no_time_is_no_all_clear(served: str) -> None:
    with pytest.raises(TryAgain):
        WebRisk(Tokens(), served).of(URL, seconds=0)


def test_neither_address_nor_token_is_logged(
    google: Google, served: str, caplog: pytest.LogCaptureFixture
) -> None:
    google.status = 500
    with caplog.at_level(logging.DEBUG), pytest.raises(TryAgain):
        WebRisk(Tokens(), served).of("https://evil.example/?token=s3cret", seconds=5)
    assert "s3cret" not in caplog.text
    assert "t0ken" not in caplog.text


# ---- a file --------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> ThreatFile:
    path = tmp_path / "threats.txt"
    path.write_text(
        "# hosts and beginnings of addresses\n"
        "evil.example MALWARE\n\n"
        "Bad.Example   # no reason given\n"
        "https://news.example/scam SOCIAL_ENGINEERING\n",
        "utf-8",
    )
    return ThreatFile(path)


@pytest.mark.parametrize(
    ("url", "threats"),
    [
        ("https://evil.example/", ("MALWARE",)),
        ("https://www.EVIL.example/x?y", ("MALWARE",)),
        ("https://notevil.example/", ()),
        ("https://evil.example.org/", ()),
        ("https://bad.example", ("LISTED",)),
        ("https://news.example/scam/17", ("SOCIAL_ENGINEERING",)),
        ("https://news.example/", ()),
    ],
)
def test_a_file_lists_hosts_with_all_below_them_and_beginnings_of_addresses(
    file: ThreatFile, url: str, threats: tuple[str, ...]
) -> None:
    assert file.of(url, seconds=1) == threats


def test_a_file_that_is_not_there_is_no_all_clear(tmp_path: Path) -> None:
    with pytest.raises(TryAgain):
        ThreatFile(tmp_path / "none").of("https://a.example/", seconds=1)


def test_an_address_that_cannot_be_read_is_no_all_clear(file: ThreatFile) -> None:
    with pytest.raises(TryAgain):
        file.of("https://1.2.3.4.5/", seconds=1)


# ---- which one -----------------------------------------------------------------------------


def test_the_setting_says_who_is_asked() -> None:
    assert isinstance(threats(read(ENVIRONMENT)), NoThreats)
    assert isinstance(threats(read(ENVIRONMENT | {"FANFARE_THREATS": "local:/t"})), ThreatFile)
    assert isinstance(threats(read(ENVIRONMENT | {"FANFARE_THREATS": "webrisk"})), WebRisk)


def test_another_word_stops_start_up() -> None:
    with pytest.raises(SettingsError, match="FANFARE_THREATS"):
        read(ENVIRONMENT | {"FANFARE_THREATS": "maybe"})


def test_nobody_asked_says_nothing() -> None:
    assert NoThreats().of(URL, seconds=1) == ()
