"""What passes create can be sent over every push service, and what is refused could not."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from string import ascii_letters, digits

import orjson
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from pydantic import ValidationError

from local.emulators.fcm import validation as fcm_validation
from local.emulators.hms import validation as hms_validation
from shared.domain.audience.device import AddressKind
from shared.domain.content.content import CompleteInput, Content, NotificationInput
from shared.domain.push.apns import MOST_BYTES
from shared.domain.push.hms import notify_id
from shared.domain.push.languages import LANGUAGES
from shared.domain.push.rendering import Payload, compact
from shared.domain.push.sizes import LONGEST_ID, oversize, size
from tests.senders.parts import NOW, Message

LONGEST_NUMBER = "nnnnnnnnnnnnnnnnnnnn"
"""An id whose number for Huawei has as many digits as any."""
ODD = '"\\/\x85\u2028\ufeff\u200d😀👩🏽é語\U0010ffff'
TEXTS = st.text(
    st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs", "Cc"])), min_size=1
)
LINKS = st.builds(
    lambda scheme, run, times, rest: f"{scheme}x.example/{run * times}{rest}"[:2048],
    st.sampled_from(["https://", "myapp://", "tel:", "x-1+.y:", "MyApp:", "HTTPS://"]),
    st.sampled_from(["x", '"', "\\", "'", "é", "😀", '\\"', "%22"]),
    st.integers(0, 2048),
    st.text('abc"\\é😀?#&=;', max_size=20),
)
FIELDS = st.fixed_dictionaries(
    {
        "title": st.builds(lambda text, times: (text * times)[:100], TEXTS, st.integers(1, 100)),
        "body": st.builds(lambda text, times: (text * times)[:500], TEXTS, st.integers(1, 500)),
    },
    optional={
        "image": LINKS.map(lambda link: "https://" + link.partition(":")[2].lstrip("/")),
        "url": LINKS,
        "urlButtonName": TEXTS.map(lambda text: text[:50]),
        "forceTimer": st.integers(1, 10),
        "expirySeconds": st.integers(60, 31_536_000),
    },
)


def submitted(fields: Mapping[str, object]) -> Content | None:
    try:
        return CompleteInput.model_validate({**fields, "targetSegment": {}}).content()
    except ValidationError:
        return None


CONTENTS = FIELDS.map(submitted).filter(bool)
IDS = st.text(ascii_letters + digits, min_size=20, max_size=20)


def to_fcm(payload: Payload) -> None:
    fcm_validation.check(payload.body("t" * 200))


def to_apple(payload: Payload) -> None:
    assert len(payload.before) <= MOST_BYTES


def to_huawei(payload: Payload) -> None:
    hms_validation.check(payload.body(["t" * 200]))


SERVICES: Mapping[AddressKind, Callable[[Payload], None]] = {
    AddressKind.FCM: to_fcm,
    AddressKind.APNS: to_apple,
    AddressKind.HMS: to_huawei,
}


def sent(content: Content, id: str = LONGEST_NUMBER, waited: float = 0) -> Message:
    life = content.expiry_seconds
    expires_at = None if life is None else NOW + timedelta(seconds=life - waited)
    return Message(id, content, NOW - timedelta(seconds=waited), expires_at)


def fits(content: Content, kind: AddressKind) -> bool:
    rendered = sent(content).rendered(kind)
    if isinstance(rendered, Payload):
        SERVICES[kind](rendered)
    return isinstance(rendered, Payload)


@given(content=CONTENTS, id=IDS, waited=st.floats(0, 10**6))
def test_what_passes_create_is_taken_by_every_service_whenever_it_is_sent(
    content: Content, id: str, waited: float
) -> None:
    refused = oversize(content)
    event("refused" if refused else "passes")
    if not refused:
        for kind, send in SERVICES.items():
            send(sent(content, id, waited).payload(kind))


@given(content=CONTENTS)
def test_nothing_is_refused_at_create_that_every_service_would_take(content: Content) -> None:
    everywhere = all(fits(content, kind) for kind in SERVICES)
    assert (not oversize(content)) is everywhere


@given(content=CONTENTS)
def test_without_the_fields_that_are_named_it_would_fit(content: Content) -> None:
    named = {fault.field for fault in oversize(content)}
    kept = content.model_dump(by_alias=True, exclude_none=True)
    shortened = {name: kept[name][:1] for name in named & {"title", "body"}}
    rest = {name: value for name, value in kept.items() if name not in named}
    if named:
        worst = max(LANGUAGES.values(), key=lambda it: size(content, it) - it.most_bytes)
        left = Content.model_validate(rest | shortened)
        assert size(left, worst) <= worst.most_bytes + len(shortened) * 4


@pytest.mark.parametrize("quotes", [164, 400])
def test_a_link_that_only_huawei_has_to_escape_twice_is_refused_at_create(quotes: int) -> None:
    link = "myapp://x/".ljust(1_300, "x") + '"' * quotes
    content = Content(title="t", body="b" * 500, url=link)
    (fault,) = oversize(content)
    assert (fault.field, fault.code) == ("url", "payloadTooBig")
    assert "Huawei Push Kit takes 4096" in fault.message
    assert fits(content, AddressKind.APNS)
    assert not fits(content, AddressKind.HMS)


def a_link(characters: int) -> str:
    return "https://e.example/".ljust(characters, "x")


@pytest.mark.parametrize(
    ("named", "content"),
    [
        (["url"], {"url": a_link(2000)}),
        (["image"], {"image": a_link(2000)}),
        (["image"], {"url": a_link(950), "image": a_link(999)}),
        (["body"], {"title": "😀" * 100, "body": "😀" * 500, "url": a_link(700)}),
        (["image", "url"], {"image": a_link(2048), "url": a_link(2047)}),
    ],
)
def test_the_fields_named_are_those_that_must_be_shortened_longest_first(
    named: list[str], content: Mapping[str, str]
) -> None:
    faults = oversize(Content.model_validate({"title": "t", "body": "b", **content}))
    assert [fault.field for fault in faults] == named
    assert {fault.code for fault in faults} == {"payloadTooBig"}
    assert all(f"shorten {fault.field}" in fault.message for fault in faults)


def test_the_longest_texts_in_the_widest_script_fit() -> None:
    assert oversize(Content(title="😀" * 100, body="😀" * 500)) == []


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_counted_is_what_is_sent(text: str) -> None:
    assert compact({"a": [text], "b": {}}) == orjson.dumps({"a": [text], "b": {}})


def test_half_a_surrogate_pair_never_comes_as_far_as_a_renderer() -> None:
    with pytest.raises(ValidationError):
        NotificationInput.model_validate({"title": "\ud800"})


def test_the_id_taken_here_is_as_long_as_any_for_huawei() -> None:
    for id in (LONGEST_NUMBER, LONGEST_ID):
        assert len(id) == 20
        assert len(str(notify_id(id))) == len(str(2**31 - 1))
