"""Strangers' words in a bot's message: shown as they are, and never more than words."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.emulators.telegram.schema import EditMessageText, SendMessage
from local.emulators.telegram.text import check_text, part, units
from shared.adapters.telegram import _content, _keyboard
from shared.domain.audience.filters import Segment, TargetPlatform
from shared.domain.chat.cards import MOST_FINDINGS, Facts, Reach, card_of, one_line, question
from shared.domain.chat.text import MOST_UNITS, Card, Style, cut, neutral
from shared.domain.chat.text import units as our_units
from shared.domain.content.content import Content
from shared.domain.findings.finding import Finding, Severity
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.review import Claim, Endorsement, Template
from tests.builders import NOON, a_notification, some_content

HOSTILE = (
    "<b>bold</b>",
    "<script>alert(1)</script>",
    "</pre>\n✅ Approved by Mira",
    "*_[`~>#+-=|{}.!",
    "@everyone /start #now https://evil.example/x",
    "\u202egnp.exe\u202c",
    "\u2066isolated\u2069",
    "zero\u200bwidth\u2060\ufeff\u00ad",
    "🙂" * 500,
    "👨‍👩‍👧‍👦" * 70,
    "🏴\U000e0067\U000e0062\U000e007f",
    "Z" + "\u0301" * 300,
    "a" + "\n" * 400 + "b",
    "\u2028\u2029\u0085\u000b",
    "שלום עולם",
    "می‌خواهم",
    "क्ष्म",
    "\u3164\u2800\u115f",
    "ａｐｐｒｏｖｅｄ",
    "\ufffe\uffff",
    "&lt;b&gt;&amp;&#60;",
    "tg://user?id=1",
)
FORMING = st.sampled_from(
    [
        "<",
        ">",
        "&",
        "/",
        "@",
        "#",
        "\n",
        " ",
        "\u202e",
        "\u200d",
        "\u200c",
        "\ufe0f",
        "🙂",
        "👩",
        "é",
    ]
)
TEXT = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=500),
    st.text(alphabet=FORMING, max_size=500),
)
NEVER_SHOWN = {chr(n) for n in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0x200E)}
NEVER_SHOWN |= {"\u200f", "\u2060", "\ufeff", "\u00ad", "\u3164", "\u2800", "\u2028", "\u2029"}


def facts(words: str, status: Status = Status.PENDING) -> Facts:
    """Build a notification with the same words wherever a stranger may put some."""
    content = Content.model_construct(
        title=words,
        body=words,
        url="https://example.com/" + words,
        image="https://example.com/" + words,
        url_button_name=words,
        force_timer=9,
        expiry_seconds=31_535_999,
    )
    segment = Segment.model_construct(
        platform=TargetPlatform.ALL,
        region=(),
        domain=words,
        active_days=9,
        app_version=words,
        hwid=words,
    )
    known = a_notification(status=status)
    it = replace(
        known,
        content=content,
        segment=segment,
        provider_email=words,
        findings=tuple(Finding("x", Severity.RED, "urlButtonName", words) for _ in range(20)),
        endorsements=(Endorsement("nik", NOON, 1),),
        claim=Claim("mira", NOON.replace(year=2030)),
        moderated_at=NOON,
        moderator_id=words,
        moderator_comment=words,
        run=known.run and replace(known.run, ended_at=NOON),
        estimated_devices=10**9,
    )
    many = {f"region{n}": 10**9 for n in range(10)}
    platforms = dict.fromkeys(("ios", "android", "linux", "windows", "macos"), 10**9)
    reach = Reach(10**9, platforms, many, 240)
    return Facts(it, NOON, words, {}, reach, 2, {"mira": words, "nik": words})


def as_sent(card: Card) -> tuple[str, list[dict[str, Any]]]:
    """Read the card as Telegram would take it, or not."""
    asked = SendMessage.model_validate({"chat_id": -1, **_content(card), **_markup(card)})
    return check_text(asked.text, asked.parse_mode, asked.entities, MOST_UNITS, "message text")


def _markup(card: Card) -> dict[str, object]:
    keyboard = _keyboard(card)
    return {"reply_markup": keyboard} if keyboard else {}


@settings(max_examples=300)
@given(TEXT, st.sampled_from(sorted(Status)))
def test_whatever_strangers_write_the_message_is_taken_and_the_buttons_are_ours(
    words: str, status: Status
) -> None:
    card = card_of(facts(words, status))
    text, marks = as_sent(card)
    assert units(text) <= MOST_UNITS
    assert NEVER_SHOWN.isdisjoint(text)
    wanted = ["a:n1:1", "r:n1:1"] if status is Status.PENDING else []
    assert [button.data for button in card.buttons] == wanted
    assert {m["type"] for m in marks} <= {"bold", "italic", "code", "pre", *_OF_NAMES}


_OF_NAMES = {"mention", "hashtag", "bot_command", "url"}
"""Telegram may find these in the names that operators gave to moderators, and nowhere else."""


@settings(max_examples=200)
@given(TEXT)
def test_nothing_a_provider_writes_can_be_tapped_on(words: str) -> None:
    given_ = replace(facts(words), people={"mira": "Mira", "nik": "Nik"})
    _, marks = as_sent(card_of(given_))
    assert {m["type"] for m in marks} <= {"bold", "italic", "code", "pre"}


@settings(max_examples=200)
@given(TEXT)
def test_every_text_of_a_provider_stands_in_a_frame_of_its_own_as_it_was_given(words: str) -> None:
    it = replace(facts(words), people={"mira": "Mira", "nik": "Nik"})
    text, marks = as_sent(card_of(it))
    framed = [part(text, m["offset"], m["length"]) for m in marks if m["type"] == "pre"]
    content = it.notification.content
    expected = [
        (content.title, 200, False),
        (content.body, 1100, True),
        (content.button, 120, False),
        (content.url, 300, False),
        (content.image, 200, False),
    ]
    shown = [cut(neutral(each or "", lines=lines), most)[0] for each, most, lines in expected]
    wanted = [each for each in shown if each]
    assert framed[: len(wanted)] == wanted
    for frame in marks:
        if frame["type"] == "pre":
            around = part(text, max(0, frame["offset"] - 1), 1)
            after = part(text, frame["offset"] + frame["length"], 1)
            assert (around, after) == ("\n", "\n")


@settings(max_examples=200)
@given(TEXT, TEXT)
def test_a_question_is_taken_whatever_the_notification_and_the_templates_say(
    words: str, title: str
) -> None:
    templates = [Template(str(n), title, "x") for n in range(30)]
    it = facts(words).notification
    card = question(it, (7001, words), templates, 24)
    text, _ = as_sent(card)
    assert units(text) <= MOST_UNITS
    assert card.buttons == ()


@settings(max_examples=300)
@given(TEXT)
def test_to_make_a_text_harmless_twice_is_to_do_it_once(words: str) -> None:
    once = neutral(words, lines=True)
    assert neutral(once, lines=True) == once
    assert "\n" not in neutral(words)


@settings(max_examples=300)
@given(TEXT, st.integers(1, 60))
def test_a_cut_text_is_a_beginning_and_says_how_much_is_left_out(words: str, most: int) -> None:
    kept, left_out = cut(words, most)
    assert words.startswith(kept)
    assert our_units(kept) == units(kept) <= most
    assert len(kept) + left_out == len(words)


def test_an_ordinary_text_is_left_as_it_is() -> None:
    for words in (
        "Sale: 50 % off!",
        "Größe – «да»",
        "👨‍👩‍👧 👍🏽 ❤️",
        "می‌خواهم",
        "क्ष",
        "日本語",
        "a\nb",
    ):
        assert neutral(words, lines=True) == words


@pytest.mark.parametrize(
    ("words", "visible"),
    [
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("a\u200db", "a⟨U+200D⟩b"),
        ("a\u3164b", "a⟨U+3164⟩b"),
        ("a\rb", "a\nb"),
        ("a\u2028b", "a⟨U+2028⟩b"),
        ("a\n\n\n\nb", "a\n⟨3 empty lines⟩\nb"),
        ("a\tb\u00a0c", "a b c"),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "⟨2 more marks⟩"),
    ],
)
def test_what_deceives_the_eye_is_named(words: str, visible: str) -> None:
    assert neutral(words, lines=True) == visible


def test_a_cut_never_splits_what_belongs_together() -> None:
    family = "👨‍👩‍👧"
    assert cut(family * 3, 10) == (family, 10)
    assert cut("e\u0301" * 3, 3) == ("e\u0301", 4)
    assert cut("👍🏽👍🏽", 6) == ("👍🏽", 2)


def test_a_text_that_was_cut_says_so_outside_its_frame() -> None:
    card = card_of(facts("x" * 5000))
    text, marks = as_sent(card)
    notice = "✂ 3,900 more characters"
    place = units(text[: text.index(notice)])
    inside = [m for m in marks if m["type"] == "pre" and m["offset"] <= place]
    assert all(m["offset"] + m["length"] <= place for m in inside)


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (60, "1 minute"),
        (7_200, "2 hours"),
        (90_061, "1 day 1 hour 1 minute 1 second"),
        (31_536_000, "365 days"),
    ],
)
def test_an_expiry_is_told_in_a_sentence(seconds: int, sentence: str) -> None:
    it = replace(a_notification(), content=some_content(expiry_seconds=seconds))
    text = card_of(Facts(it, NOON)).text
    assert f"\nExpires {sentence} after it is sent\n" in text
    assert "Expires" not in card_of(Facts(a_notification(), NOON)).text


def test_the_gravest_findings_are_shown_and_the_others_counted() -> None:
    found = [Finding("x", Severity.INFO, "body", f"Note {n}.") for n in range(9)]
    found.append(Finding("y", Severity.RED, "url", "Grave."))
    it = replace(a_notification(), findings=tuple(found))
    text = card_of(Facts(it, NOON)).text
    assert text.index("🔴 url Grave.") < text.index("🔵 body Note 0.")
    assert f"and {10 - MOST_FINDINGS} more" in text


def test_a_name_inside_a_line_stays_short_and_on_it() -> None:
    assert one_line("Mira\n✅ Approved", 60) == "Mira ⏎ ✅ Approved"
    assert our_units(one_line("🙂" * 100, 60)) <= 60


def test_an_edit_takes_the_same_fields_as_a_message() -> None:
    card = card_of(facts("x"))
    EditMessageText.model_validate({"chat_id": -1, "message_id": 1, **_content(card)})
    assert {mark.style for mark in card.marks} <= set(Style)
