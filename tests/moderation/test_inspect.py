"""Content is looked at whole, in bounded time, and what could not be seen is said."""

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from shared.adapters.memory.web import MemoryThreats, MemoryWeb
from shared.domain.content.content import Content
from shared.domain.findings.fetch_result import FetchResult, WebFault
from shared.domain.findings.finding import Finding, Severity, has_red
from shared.domain.findings.link_ends import Inspection, LinkEnd
from shared.flow.findings.inspect import inspect
from tests.moderation.sites import HOSTILE, Net, a_net

VERIFIED = ("news.aurora.example",)
LINK = "https://news.aurora.example/lights"
IMAGE = "https://news.aurora.example/lights.png"
NEVER_THIS_LONG_SECONDS = 30.0


def some(**fields: str) -> Content:
    return Content(**{"title": "Lights", "body": "Tonight", **fields})  # type: ignore[arg-type]


def findings(
    content: Content,
    web: MemoryWeb | None = None,
    threats: MemoryThreats | None = None,
) -> tuple[Finding, ...]:
    return seen_of(content, web, threats).findings


def seen_of(
    content: Content, web: MemoryWeb | None = None, threats: MemoryThreats | None = None
) -> Inspection:
    return inspect(
        content,
        VERIFIED,
        web=web or MemoryWeb(),
        threats=threats or MemoryThreats(),
        own_schemes=("aurora",),
    )


def codes(content: Content, **parts: MemoryWeb | MemoryThreats) -> set[tuple[str, str]]:
    return {(f.field, f.code) for f in findings(content, **parts)}  # type: ignore[arg-type]


class Hangs:
    """Neither a web nor a threat list that comes back."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def look(self, url: str, *, seconds: float, asker: str = "") -> FetchResult:
        self.let_go.wait(NEVER_THIS_LONG_SECONDS)
        return FetchResult(url, status=200)

    def of(self, url: str, *, seconds: float) -> tuple[str, ...]:
        self.let_go.wait(NEVER_THIS_LONG_SECONDS)
        return ()


class Breaks:
    """A web and a threat list with a defect."""

    def look(self, url: str, *, seconds: float, asker: str = "") -> FetchResult:
        raise RuntimeError(url)

    def of(self, url: str, *, seconds: float) -> tuple[str, ...]:
        raise RuntimeError(url)


@pytest.fixture
def hangs() -> Iterator[Hangs]:
    hangs = Hangs()
    yield hangs
    hangs.let_go.set()


def test_ordinary_content_has_no_findings() -> None:
    assert findings(some(url=LINK, image=IMAGE, url_button_name="Read")) == ()


def test_content_without_texts_or_links_has_none() -> None:
    assert findings(Content()) == ()


def test_every_field_is_looked_at_and_named() -> None:
    content = some(
        title="ca\u200bsino",
        body="You won!!!",
        url_button_name="Frеe",
        url="https://8.8.8.8/",
        image="https://bit.ly/1.png",
    )
    told = codes(content)
    assert told >= {
        ("title", "invisibleCharacters"),
        ("body", "exclamationRun"),
        ("urlButtonName", "lookAlikeLetters"),
        ("url", "ipHost"),
        ("image", "shortener"),
    }


def test_link_and_image_are_each_gone_to_once() -> None:
    web = MemoryWeb()
    findings(some(url=LINK, image=IMAGE), web)
    assert sorted(web.urls) == [LINK, IMAGE]


def test_a_deep_link_is_not_gone_to() -> None:
    web = MemoryWeb()
    assert codes(some(url="aurora://open"), web=web) == {("url", "deepLink")}
    assert web.urls == []


def test_link_and_image_are_gone_to_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=NEVER_THIS_LONG_SECONDS)

    class Meeting(MemoryWeb):
        def look(self, url: str, *, seconds: float, asker: str = "") -> FetchResult:
            both.wait()
            return super().look(url, seconds=seconds, asker=asker)

    assert findings(some(url=LINK, image=IMAGE), Meeting()) == ()


def test_a_text_may_name_the_link_and_the_providers_own_places() -> None:
    body = "Read on kino.by or news.aurora.example"
    told = codes(some(body=body, url="https://kino.by/17"))
    assert ("body", "addressInText") not in told
    assert ("body", "addressInText") in codes(some(body=body, url=LINK))


def test_where_redirects_end_is_judged_as_if_it_had_been_given() -> None:
    there = FetchResult("https://paypa1.com:8443/a", hops=(LINK,), status=200)
    told = codes(some(url=LINK), web=MemoryWeb({LINK: there}))
    assert told == {("url", "redirectsAway"), ("url", "lookAlikeHost"), ("url", "oddPort")}


def test_a_redirect_to_another_of_the_providers_places_is_no_finding() -> None:
    there = FetchResult("https://m.news.aurora.example/a", hops=(LINK,), status=200)
    assert findings(some(url=LINK), MemoryWeb({LINK: there})) == ()


def test_the_place_where_redirects_end_is_looked_up_too() -> None:
    web = MemoryWeb({LINK: FetchResult("https://evil.test/", hops=(LINK,), status=200)})
    told = codes(some(url=LINK), web=web, threats=MemoryThreats({"evil.test": ("MALWARE",)}))
    assert ("url", "listedThreat") in told


def test_where_links_ended_is_told_for_each_that_was_gone_to() -> None:
    web = MemoryWeb(
        {
            LINK: FetchResult("https://KINO.by./a", hops=(LINK,), status=200),
            IMAGE: FetchResult(IMAGE, status=404),
        }
    )
    host = "news.aurora.example"
    assert seen_of(some(url=LINK, image=IMAGE), web).ends == (
        LinkEnd("url", host, "kino.by"),
        LinkEnd("image", host),
    )
    assert seen_of(some(url="aurora://open")).ends == ()


def test_a_red_finding_about_where_redirects_end_is_told_besides_one_about_the_link() -> None:
    there = FetchResult("https://g00gle.com/", hops=("https://paypa1.com/",), status=200)
    told = findings(some(url="https://paypa1.com/"), MemoryWeb({"https://paypa1.com/": there}))
    assert [f.host for f in told if f.code == "lookAlikeHost"] == ["paypa1.com", "g00gle.com"]


@pytest.mark.parametrize("fault", WebFault)
def test_whatever_kept_us_from_seeing_is_a_finding(fault: WebFault) -> None:
    told = findings(some(url=LINK), MemoryWeb({LINK: FetchResult(LINK, fault=fault)}))
    assert len(told) == 1
    assert told[0].severity is not Severity.INFO


def test_a_threat_list_that_is_away_is_a_finding() -> None:
    assert codes(some(url=LINK), threats=MemoryThreats(away=True)) == {("url", "threatsNotChecked")}


def test_what_does_not_come_back_is_left_and_said(hangs: Hangs) -> None:
    began = time.monotonic()
    told = inspect(some(url=LINK, image=IMAGE), VERIFIED, web=hangs, threats=hangs, seconds=0.3)
    assert [(f.field, f.code) for f in told.findings] == [
        ("url", "couldNotBeChecked"),
        ("image", "couldNotBeChecked"),
        ("url", "threatsNotChecked"),
        ("image", "threatsNotChecked"),
    ]
    assert time.monotonic() - began < NEVER_THIS_LONG_SECONDS


def test_a_threat_list_that_hangs_does_not_hide_what_was_seen(hangs: Hangs) -> None:
    web = MemoryWeb({LINK: FetchResult(LINK, status=404)})
    told = inspect(some(url=LINK), VERIFIED, web=web, threats=hangs, seconds=1)
    assert {f.code for f in told.findings} == {"answersWithError", "threatsNotChecked"}


def test_a_defect_of_ours_is_a_finding_and_not_an_error() -> None:
    told = inspect(some(url=LINK), VERIFIED, web=Breaks(), threats=Breaks())
    assert {f.code for f in told.findings} == {"couldNotBeChecked", "threatsNotChecked"}


def test_a_defect_is_logged_without_the_address(caplog: pytest.LogCaptureFixture) -> None:
    inspect(some(url=f"{LINK}?token=s3cret"), VERIFIED, web=MemoryWeb(), threats=Breaks())
    assert "a look failed" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/endless-redirects", "tooManyRedirects"),
        ("/to-metadata", "forbiddenAddress"),
        ("/to-http", "redirectToHttp"),
        ("/no-http", "couldNotBeChecked"),
        ("/reset", "couldNotBeChecked"),
        ("/missing", "answersWithError"),
        ("/app.apk", "download"),
        ("/attached", "download"),
        ("/elsewhere", "redirectsAway"),
        ("/to-credentials", "credentialsInUrl"),
    ],
)
def test_a_hostile_link_is_a_finding(path: str, code: str) -> None:
    with a_net() as net:
        assert code in {f.code for f in seen_through(net, url=HOSTILE + path)}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/bomb.png", "imageBomb"),
        ("/large.png", "imageTooLarge"),
        ("/endless-body", "imageTooLarge"),
        ("/tiny.png", "imageTooSmall"),
        ("/lying.png", "imageUnreadable"),
        ("/gzip.png", "imageUnreadable"),
        ("/page.png", "imageMissing"),
        ("/jpeg-in-name.jpg", "imageTypeDisagrees"),
        ("/as-text.png", "imageTypeDisagrees"),
        ("/missing", "answersWithError"),
    ],
)
def test_a_hostile_image_is_a_finding(path: str, code: str) -> None:
    with a_net() as net:
        assert code in {f.code for f in seen_through(net, image=HOSTILE + path)}


@pytest.mark.parametrize("path", ["/slow-headers", "/slow-body", "/silence"])
def test_slow_servers_of_link_and_image_together_are_left_in_time(path: str) -> None:
    with a_net() as net:
        told = seen_through(net, url=HOSTILE + path, image=HOSTILE + path, seconds=0.5)
    assert [(f.field, f.code) for f in told if f.code == "couldNotBeChecked"] == [
        ("url", "couldNotBeChecked"),
        ("image", "couldNotBeChecked"),
    ]


def test_good_sites_give_no_findings() -> None:
    with a_net() as net:
        assert seen_through(net, url=LINK, image=f"{LINK}.png") == ()
        assert len(net.received) == 2


def test_no_mixture_of_fields_keeps_a_finding_from_being_told() -> None:
    bad = {
        "title": "Sale \u202e",
        "body": "Frеe",
        "url": "https://127.1/",
        "image": "https://a@b.by/",
    }
    for names in itertools.combinations(bad, 2):
        told = findings(some(**{name: bad[name] for name in names}))
        assert {f.field for f in told} >= set(names)
    assert has_red(findings(some(**bad)))


def seen_through(net: Net, *, seconds: float = 5.0, **fields: str) -> tuple[Finding, ...]:
    content, threats = some(**fields), MemoryThreats()
    return inspect(content, VERIFIED, web=net.web(), threats=threats, seconds=seconds).findings
