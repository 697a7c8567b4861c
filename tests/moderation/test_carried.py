"""An address that hands another one on is judged by that one, however it is wrapped."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.memory.web import MemoryThreats, MemoryWeb
from shared.domain.content.content import Content
from shared.domain.findings.finding import Finding, has_red
from shared.domain.findings.link import link_findings
from shared.domain.links.carried import MOST_CARRIED, carried_addresses, web_addresses
from shared.domain.links.hosts import machine_host_of, scheme_of
from shared.flow.findings.inspect import inspect

VERIFIED = ("news.aurora.example",)
KINO = "https://kino.by/film"


def encoded(url: str, times: int) -> str:
    return url if times == 0 else encoded(quote(url, safe=""), times - 1)


def findings_by_code(url: str, *own_schemes: str) -> dict[str, Finding]:
    return {each.code: each for each in link_findings(url, "url", VERIFIED, own_schemes)}


WRAPPED = [
    *("microsoft-edge:https://kino.by/film", "microsoft-edge:?url=https%3A%2F%2Fkino.by%2Ffilm"),
    *(
        "microsoft-edge:kino.by/film",
        "microsoft-edge://kino.by/film",
        "microsoft-edge:https:kino.by",
    ),
    *("microsoft-edge-https://kino.by/film", "x-safari-https://kino.by", "touch-https://kino.by"),
    *("googlechrome://navigate?url=https://kino.by&x=1", "googlechrome:https://kino.by"),
    *(
        "googlechrome://navigate?url=kino.by",
        "googlechrome://kino.by/?q=https://news.aurora.example",
    ),
    *("googlechrome://%6bino.by/", "googlechromes://kino.by/film", "opera-https://kino.by"),
    *("firefox://open-url?url=https%3A%2F%2Fkino.by", "firefox-focus://open-url?url=kino.by"),
    *("brave://open-url?url=https%253A%252F%252Fkino.by", "view-source:https://kino.by"),
    *("view-source:kino.by", "feed:https://kino.by/rss", "feed://kino.by/rss"),
    *("jar:https://kino.by/a.jar!/b", "wyciwyg://1/https://kino.by", "samsungbrowser://kino.by"),
    *("googleapp://robot?url=https://kino.by", "yandexbrowser-open-url://https%3A%2F%2Fkino.by"),
    *("fb://webview/?url=https%3A%2F%2Fkino.by", "fb://webview?href=kino.by", "fb://x?a=//kino.by"),
    *("market://details?id=a.b&url=https://kino.by", "otherapp://open/https://kino.by/film"),
    *("otherapp:https://kino.by", "otherapp://open?to=see%20https%3A%2F%2Fkino.by%20now"),
    "intent://kino.by/film#Intent;scheme=https;end",
    "intent://kino.by/film#Intent;package=com.android.chrome;scheme=HTTPS;end",
    "intent:kino.by/film#Intent;scheme=https;end",
    "intent:https://kino.by#Intent;action=android.intent.action.VIEW;end",
    "intent://x#Intent;scheme=otherapp;S.browser_fallback_url=https%3A%2F%2Fkino.by;end",
    "intent:#Intent;S.browser_fallback_url=kino.by;end",
    "intent:#Intent;S.anything=%20https%3A%2F%2Fkino.by;end",
    "intent://x#Intent;scheme=ht%09tps;S.url=https%3A%2F%2Fkino.by;end",
    "intent:microsoft-edge:https://kino.by#Intent;end",
    "otherapp://x#Intent;S.browser_fallback_url=https%3A%2F%2Fkino.by;end",
    "android-app://com.android.chrome/https/kino.by/film",
    "android-app://a.b/otherapp/open?url=https%3A%2F%2Fkino.by",
    "ms-word:ofe|u|https://kino.by/film.docx",
    "MICROSOFT-Edge:HTTPS://kino.by",
    "IntEnt://kino.by#inTent;scheme=https;end",
    "microsoft-edge:ht%0Atps://kino.by",
    "microsoft-edge:%20%09https://kino.by",
    "microsoft-edge:https:\\\\kino.by",
]


@pytest.mark.parametrize("url", WRAPPED)
def test_a_carried_address_is_found_however_it_is_wrapped(url: str) -> None:
    assert "kino.by" in {machine_host_of(each) for each in web_addresses(url)}
    assert findings_by_code(url)["foreignHost"].host == "kino.by"


@pytest.mark.parametrize("times", range(8))
@pytest.mark.parametrize("carrier", ["microsoft-edge:", "otherapp://x?a=", "intent:#Intent;S.u="])
def test_percent_encoding_hides_nothing_however_often_it_is_done(carrier: str, times: int) -> None:
    assert web_addresses(carrier + encoded(KINO, times)) == (KINO,)


def test_a_carried_address_is_found_inside_a_carried_one() -> None:
    inner = f"intent:#Intent;S.browser_fallback_url={encoded(KINO, 1)};end"
    assert KINO in web_addresses(f"microsoft-edge:?url={encoded(inner, 1)}")


@pytest.mark.parametrize(
    "url",
    [
        "auroranews://article/17",
        "auroranews://search?q=a:b&t=12:30&sort=date",
        "auroranews://open?file=report.pdf",
        "auroranews:article/17#top",
        "firefox://open-url",
        "google://search?q=bach",
        "https://kino.by/?next=https://evil.test/",
        "https://kino.by/#Intent;scheme=https;end",
    ],
)
def test_what_only_looks_like_an_address_is_none(url: str) -> None:
    assert carried_addresses(url).addresses == ()


@pytest.mark.parametrize(
    ("inner", "code"),
    [
        ("https://paypa1.com/", "lookAlikeHost"),
        ("https://exаmple.org/", "mixedScriptHost"),
        ("https://93.184.215.14/", "ipHost"),
        ("https://0x7f.1/", "disguisedIp"),
        ("https://router.local/", "privateHost"),
        ("https://news.aurora.example@kino.by/", "credentialsInUrl"),
        ("https://kino.by/player.apk", "download"),
        ("https://kino.by:8443/", "oddPort"),
        ("https://bit.ly/3abc", "shortener"),
        ("https://1.2.3.4.5/", "malformedUrl"),
        ("https://%aa.example/", "malformedUrl"),
        ("http://kino.by/", "notHttps"),
        ("javascript:alert(1)", "dangerousScheme"),
        ("file:///etc/passwd", "dangerousScheme"),
        ("ms-appinstaller:?source=https://kino.by/", "dangerousScheme"),
        ("smb://kino.by/share", "dangerousScheme"),
        ("tel:+1900", "systemScheme"),
    ],
)
@pytest.mark.parametrize("carrier", ["microsoft-edge:", "otherapp://x?url=", "intent:#Intent;S.a="])
def test_every_finding_of_a_carried_address_is_one_of_the_link(
    carrier: str, inner: str, code: str
) -> None:
    assert code in findings_by_code(carrier + inner)
    assert code in findings_by_code(carrier + encoded(inner, 2))


def test_every_address_in_a_text_that_is_handed_on_is_found() -> None:
    url = "whatsapp://send?text=See%20https%3A%2F%2Fkino.by%20and%20https%3A%2F%2Fevil.test%20!"
    assert web_addresses(url) == ("https://kino.by", "https://evil.test")


def test_a_carrier_of_ones_own_place_is_no_alarm() -> None:
    assert set(findings_by_code("microsoft-edge:https://news.aurora.example/17")) == {
        "carriedAddress"
    }


def test_an_intent_for_ones_own_app_is_no_alarm() -> None:
    intent = "intent://article/17#Intent;scheme=auroranews;package=example.aurora;end"
    assert set(findings_by_code(intent, "auroranews")) == {"deepLink"}
    assert set(findings_by_code(intent)) == {"undeclaredScheme"}


@pytest.mark.parametrize(
    "intent",
    [
        "intent:#Intent;component=com.android.settings/.Settings;end",
        "intent://x#Intent;scheme=auroranews;SEL;package=a.b;end",
        "intent:tel:1#Intent;action=android.intent.action.CALL;end",
        "INTENT:#Intent;COMPONENT=a/.b;end",
        "auroranews://x#Intent;component=a/.b;end",
    ],
)
def test_an_intent_that_starts_a_part_of_an_app_is_red(intent: str) -> None:
    assert "dangerousScheme" in findings_by_code(intent, "auroranews")


def test_more_addresses_than_can_be_judged_are_red() -> None:
    many = "otherapp://x?" + "&".join(f"u{n}=https://host{n}.test/" for n in range(MOST_CARRIED))
    assert len(carried_addresses(many).addresses) == MOST_CARRIED
    assert "tooManyAddresses" not in findings_by_code(many)
    assert "tooManyAddresses" in findings_by_code(f"{many}&one=https://more.test/")


def test_addresses_inside_one_another_are_judged_to_a_depth_and_red_beyond() -> None:
    assert web_addresses("view-source:" * 4 + KINO)[-1] == KINO
    assert has_red(link_findings("view-source:" * 100 + KINO, "url", VERIFIED))


def test_the_worst_link_there_can_be_is_judged_by_a_few_findings() -> None:
    for part in ("%25", "intent:", "#Intent;scheme=https;", "?u=//a.b&", "=https://", "|;&?"):
        url = "otherapp://" + part * (2030 // len(part))
        assert len(link_findings(url, "url", VERIFIED)) < 60


@given(
    st.lists(
        st.sampled_from(
            [
                *("intent:", "#Intent;", "scheme=", "https", "://", "S.browser_fallback_url=", "%"),
                *("%25", "3A", "kino.by", ";end", "?url=", "&", "|", "android-app://", "=", "[::1"),
                *("microsoft-edge:", "\\", "\t", "\ud800", "%aa", "#", "/", "٣", "component="),
            ]
        ),
        max_size=12,
    ).map("".join)
    | st.text()
)
@settings(max_examples=500, deadline=None)
def test_no_address_breaks_the_search(url: str) -> None:
    for address in carried_addresses(url).addresses:
        assert scheme_of(address)
    link_findings(url, "url", VERIFIED)


# ---- going there ---------------------------------------------------------------------------


def test_carried_addresses_are_gone_to_and_looked_up_on_the_threat_list() -> None:
    link = f"intent://x#Intent;scheme=otherapp;S.browser_fallback_url={encoded(KINO, 1)};end"
    web, threats = MemoryWeb(), MemoryThreats({"kino.by": ("MALWARE",)})
    content = Content(title="Lights", body="Tonight", url=link)
    there = inspect(content, VERIFIED, web=web, threats=threats)
    assert web.urls == [KINO]
    assert "listedThreat" in {each.code for each in there.findings}


def test_a_text_may_name_where_a_carried_address_leads() -> None:
    content = Content(title="Lights", body="On kino.by", url=f"microsoft-edge:{KINO}")
    there = inspect(content, VERIFIED, web=MemoryWeb(), threats=MemoryThreats())
    assert "addressInText" not in {each.code for each in there.findings}
