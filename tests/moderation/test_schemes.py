"""The table of schemes: each is judged one way, and the documentation shows all of them."""

from pathlib import Path

import pytest

from shared.domain.findings.link import link_findings
from shared.domain.links.schemes import GROUPS, SCHEMES, Group, Use, look_up, why_undeclarable

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
CODES = {
    Use.FORBIDDEN: "dangerousScheme",
    Use.DANGEROUS: "dangerousScheme",
    Use.SYSTEM: "systemScheme",
    Use.CARRIER: "undeclaredScheme",
    Use.FOREIGN: "undeclaredScheme",
}
WORDS = {
    Use.FORBIDDEN: "refused",
    Use.DANGEROUS: "red",
    Use.SYSTEM: "warning",
    Use.CARRIER: "by what it carries",
    Use.FOREIGN: "warning",
}


def test_no_scheme_stands_in_the_table_twice() -> None:
    assert len(SCHEMES) == sum(len(group.names.split()) for group in GROUPS)
    assert all(name == name.lower() for name in SCHEMES)


@pytest.mark.parametrize("group", GROUPS)
def test_the_documentation_shows_the_table(group: Group) -> None:
    names = ", ".join(f"`{name}`" for name in group.names.split())
    row = f"| {names} | {group.why} | {WORDS[group.use]} |"
    assert row in PAGE.read_text("utf-8").splitlines(), row


@pytest.mark.parametrize("scheme", sorted(set(SCHEMES) - {"http"}))
def test_a_known_scheme_is_judged_by_its_use_and_cannot_be_declared(scheme: str) -> None:
    for url in (f"{scheme}:", f"{scheme.upper()}:?a"):
        codes = {each.code for each in link_findings(url, "url", (), (scheme,))}
        assert CODES[SCHEMES[scheme].use] in codes
    assert why_undeclarable(scheme)


@pytest.mark.parametrize("scheme", ["flatpak+https", "git+ssh"])
def test_a_program_that_is_started_is_more_than_the_address_it_is_given(scheme: str) -> None:
    codes = {each.code for each in link_findings(f"{scheme}://kino.by/a", "url", ())}
    assert "dangerousScheme" in codes


@pytest.mark.parametrize("scheme", ["ms-new-tool", "microsoft.windows.camera", "windows.tools"])
def test_parts_of_windows_are_dangerous_without_being_listed(scheme: str) -> None:
    judged = look_up(scheme)
    assert judged is not None
    assert judged.use is Use.DANGEROUS


@pytest.mark.parametrize(
    "url",
    [
        "ohttps://kino.by/",
        "MICROSOFT-EDGE-BETA:kino.by",
        "firefox-nightly://open-url?url=kino.by",
        "opera-gx://kino.by",
        "googlechrome-x-callback://x-callback-url/open/?url=https%3A%2F%2Fkino.by",
        "pcast://kino.by/feed",
    ],
)
def test_a_browser_is_judged_by_where_it_goes_whatever_its_edition(url: str) -> None:
    assert [each.code for each in link_findings(url, "url", ())] == [
        "carriedAddress",
        "foreignHost",
    ]


@pytest.mark.parametrize("scheme", ["myapp", "com.example.app", "auroranews", "my-app+1", "msapp"])
def test_an_apps_own_scheme_can_be_declared(scheme: str) -> None:
    assert why_undeclarable(scheme) == ""
    assert [each.code for each in link_findings(f"{scheme}://x", "url", ())] == ["undeclaredScheme"]
    assert [each.code for each in link_findings(f"{scheme}://x", "url", (), (scheme,))] == [
        "deepLink"
    ]


@pytest.mark.parametrize(
    "url", ["", "://x", "mi\tcrosoft-edge:https://kino.by", "intent：//x", "x"]
)
def test_an_address_without_a_scheme_is_malformed(url: str) -> None:
    assert [each.code for each in link_findings(url, "url", ()) if each.code != "hiddenInUrl"] == [
        "malformedUrl"
    ]
