"""What a provider may show people: limits, addresses, defaults."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.content.content import CompleteInput, Content, NotificationInput, missing_parts
from shared.domain.links.hosts import read_address
from tests.builders import a_segment, some_content

EMOJI = "🎉"
FLAG = "🇧🇾"  # two code points
COMPLETE: dict[str, Any] = {"title": "Sale", "body": "Everything must go", "targetSegment": {}}


def read(**fields: Any) -> CompleteInput:
    return CompleteInput.model_validate_json(json.dumps(COMPLETE | fields))


def faults(**fields: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as refused:
        read(**fields)
    return {".".join(map(str, e["loc"])): e["type"] for e in refused.value.errors()}


@pytest.mark.parametrize(("field", "most"), [("title", 100), ("body", 500)])
@pytest.mark.parametrize("letter", ["a", "я", EMOJI, "\N{COMBINING ACUTE ACCENT}"])
def test_a_text_may_have_its_most_characters_and_not_one_more(
    field: str, most: int, letter: str
) -> None:
    assert getattr(read(**{field: letter * most}), field) == letter * most
    assert faults(**{field: letter * (most + 1)}) == {field: "string_too_long"}


def test_characters_are_code_points() -> None:
    assert read(title=FLAG * 50).title == FLAG * 50
    assert faults(title=FLAG * 50 + "!") == {"title": "string_too_long"}


@pytest.mark.parametrize("field", ["title", "body"])
def test_space_around_a_text_is_taken_off_and_not_counted(field: str) -> None:
    most = 100 if field == "title" else 500
    spaced = read(**{field: "  " + "x" * most + " \n"})
    assert getattr(spaced, field) == "x" * most


@pytest.mark.parametrize("blank", ["", "   ", "\n\t", None])
@pytest.mark.parametrize("field", ["title", "body"])
def test_a_blank_text_is_a_missing_one(field: str, blank: str | None) -> None:
    assert list(faults(**{field: blank})) == [field]


@pytest.mark.parametrize("field", ["title", "body", "urlButtonName"])
@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f"])
def test_control_characters_are_refused(field: str, character: str) -> None:
    assert faults(**{field: f"a{character}b"}) == {field: "control_character"}


def test_the_scheme_of_a_web_address_is_kept_in_lower_case() -> None:
    read_back = read(url="HTTPS://A.example/B", image="Https://A.example/i.png")
    assert (read_back.url, read_back.image) == ("https://A.example/B", "https://A.example/i.png")


def test_a_body_may_have_several_lines() -> None:
    assert read(body="one\ntwo").body == "one\ntwo"


def test_all_faulty_fields_are_named_at_once() -> None:
    wrong = faults(title="", body="x" * 501, image="ftp://a.b/c", forceTimer=11, colour="red")
    assert set(wrong) == {"title", "body", "image", "forceTimer", "colour"}


@pytest.mark.parametrize("address", ["https://example.com/a.png", "https://example.com:8443/?q=1"])
@pytest.mark.parametrize("field", ["image", "url"])
def test_an_https_address_is_taken(field: str, address: str) -> None:
    assert getattr(read(**{field: address}), field) == address


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/a.png",
        "//example.com/a.png",
        "example.com/a.png",
        "https://",
        "https:///a.png",
        "https://:443/a.png",
        "https://example.com:port/",
        "https://[::1/",
        "https://example.com/a b",
        "https://example.com/a\x01b",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
    ],
)
@pytest.mark.parametrize("field", ["image", "url"])
def test_an_address_that_is_not_complete_https_is_refused(field: str, address: str) -> None:
    assert list(faults(**{field: address})) == [field]


@pytest.mark.parametrize(
    "host",
    [
        *(
            "%aa.example",
            "%00.example",
            "exa%mple",
            "%",
            "%ff%fe",
            "a%2Fb.example",
            "[::1",
            "[v1.a]",
        ),
        *(
            "[fe80::1%25eth0]",
            "xn--a-.example",
            "xn--.example",
            "a..example",
            "1.2.3.4.5",
            "\u0640.by",
        ),
        *("-.example", "\ufffd.example", "a" * 64, "a." * 900 + "a", "é" * 300, "٣.1"),
    ],
)
@pytest.mark.parametrize("field", ["image", "url"])
def test_a_host_that_nobody_can_read_is_refused(field: str, host: str) -> None:
    assert faults(**{field: f"https://{host}/"}) == {field: "not_a_url"}


@given(st.text() | st.text("%0a8fF.xn-[]:@\\/\ud7ff\u0640é٣").map("https://{}/".format))
@settings(max_examples=300, deadline=None)
def test_any_text_is_taken_as_an_address_or_refused_for_a_reason(url: str) -> None:
    with suppress(ValidationError):
        taken = read(url=url, image=url)
        assert taken.url is None or read_address(taken.url).is_web


def test_stored_content_with_a_host_that_nobody_can_read_stays_readable() -> None:
    stored = {"title": "Sale", "body": "Now", "url": "https://%aa.example/"}
    assert Content.model_validate(stored).url == stored["url"]


@pytest.mark.parametrize(
    "link", ["myapp://orders/1", "myapp:orders", "com.example.app://x", "tel:+375291234567"]
)
def test_a_link_may_lead_into_an_app_but_an_image_may_not(link: str) -> None:
    assert read(url=link).url == link
    assert faults(image=link) == {"image": "not_https"}


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "  javascript:alert(1)",
        "\x01javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://example.com/1",
        "about:blank",
        "ftp://example.com",
        "ws://example.com",
        "myapp:",
    ],
)
def test_a_link_that_runs_code_or_reads_files_is_refused(link: str) -> None:
    assert list(faults(url=link)) == ["url"]


def test_an_address_has_a_longest_length() -> None:
    start = "https://example.com/"
    longest = start + "a" * (2048 - len(start))
    assert read(url=longest).url == longest
    assert faults(url=longest + "a") == {"url": "string_too_long"}


@pytest.mark.parametrize("seconds", [1, 10])
def test_a_modal_dialog_lasts_one_to_ten_seconds(seconds: int) -> None:
    assert read(forceTimer=seconds).force_timer == seconds


@pytest.mark.parametrize("seconds", [0, 11, -1, 1.5, "5", True])
def test_any_other_duration_of_a_modal_dialog_is_refused(seconds: object) -> None:
    assert list(faults(forceTimer=seconds)) == ["forceTimer"]


@pytest.mark.parametrize("seconds", [60, 31_536_000])
def test_an_expiry_lies_between_a_minute_and_a_year(seconds: int) -> None:
    assert read(expirySeconds=seconds).expiry_seconds == seconds


@pytest.mark.parametrize("seconds", [59, 31_536_001, 0, -60, 60.5, 60.0, "60", True])
def test_any_other_expiry_is_refused(seconds: object) -> None:
    assert list(faults(expirySeconds=seconds)) == ["expirySeconds"]


def test_a_button_is_named_open_unless_the_provider_names_it() -> None:
    assert some_content().button == "Open"
    assert some_content(url_button_name="Buy").button == "Buy"


def test_everything_optional_is_absent_by_default() -> None:
    plain = read()
    assert plain.content() == Content(title="Sale", body="Everything must go")
    assert not plain.draft


def test_a_draft_may_lack_anything() -> None:
    draft = NotificationInput.model_validate_json('{"draft": true}')
    assert draft.content() == Content()
    assert draft.target_segment is None


def test_a_draft_is_told_all_it_lacks() -> None:
    assert [f.field for f in missing_parts(Content(), None)] == ["title", "body", "targetSegment"]
    assert missing_parts(some_content(), a_segment()) == []


def test_an_edit_leaves_what_it_does_not_mention() -> None:
    before = some_content(url="https://example.com", force_timer=3, expiry_seconds=60)
    edit = NotificationInput.model_validate_json('{"title": "New", "url": null}')
    merged = edit.edited(before, a_segment(app_version="1"))
    assert merged.content() == some_content(title="New", force_timer=3, expiry_seconds=60)
    assert merged.target_segment == a_segment(app_version="1")
