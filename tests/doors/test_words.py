"""What real people and phones say is taken at every door."""

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.doors.conftest import Call, a_body, bearer, client, door, errors_of
from tests.doors.fuzzing import CREDENTIALS
from tests.parts import MemoryParts, token
from tests.rules.test_human_text import BLANK, FAMILY, HALF_SPACE, WRITTEN, YOUNG
from tests.rules.test_locales import CORPUS

ZONES = [
    "Europe/Minsk",
    "Etc/Unknown",
    "Etc/GMT-14",
    "GMT+03:00",
    "GMT+3",
    "UTC+3",
    "UTC",
    "Z",
    "+03:00",
    "EST5EDT",
    "MSK",
    "Asia/Calcutta",
    "US/Pacific-New",
    "America/Coyhaique",
    "Russian Standard Time",
    "Pacific/Kanton",
    "(UTC+03:00) Moscow, St. Petersburg",
    "Среднеевропейское время",
    "GMT+03:00 (Eastern European Summer Time)",
    ":/etc/localtime",
    "../../etc/passwd",
    "CST6CDT,M3.2.0/2:00:00,M11.1.0/2:00:00",
]
LONG_LOCALE = "en-US-u-" + "-".join(f"k{n % 10}-value{n}" for n in range(60))


@pytest.fixture
def nobody(world: MemoryParts) -> Call:
    return door("device_api", None)


def register(nobody: Call, **fields: Any) -> TestResponse:
    headers = bearer(fields.pop("proof")) if "proof" in fields else {}
    body = {"hwid": "h9", "platform": "android", "domains": ["example.com"]} | fields
    return nobody("POST", "/v1/devices", body, headers=headers)


# ---- phones ----------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", [each for each in CORPUS if "\x00" not in each])
def test_a_phone_registers_with_any_locale_and_is_reached_by_what_it_names(
    nobody: Call, world: MemoryParts, locale: str
) -> None:
    address = {"kind": "fcm", "value": "t9"}
    assert register(nobody, locale=locale, pushAddress=address).status_code == 201
    stored = world.database.collection("devices")["h9"]
    assert stored.get("locale", "") == locale.strip()[:255]
    assert stored["fcmToken"] == "t9"
    named = [stored["language"], stored["territory"]]
    assert " ".join(filter(None, named)) == CORPUS[locale]


@pytest.mark.parametrize("zone", ZONES)
def test_a_phone_registers_in_any_zone(nobody: Call, world: MemoryParts, zone: str) -> None:
    assert register(nobody, timeZone=zone).status_code == 201
    assert world.database.collection("devices")["h9"]["timeZone"] == zone


@pytest.mark.parametrize("field", ["locale", "timeZone", "appVersion"])
def test_however_long_it_is_said_the_beginning_is_kept(
    nobody: Call, world: MemoryParts, field: str
) -> None:
    for said in (LONG_LOCALE, "x" * 50_000, "\N{PARTY POPPER}" * 4_000):
        world.devices.delete("h9")
        assert register(nobody, **{field: said}).status_code == 201
        assert world.database.collection("devices")["h9"][field] == said[:255]


@pytest.mark.parametrize("empty", [*BLANK, None])
def test_what_says_nothing_is_left_out_and_what_was_known_stays(
    nobody: Call, world: MemoryParts, empty: str | None
) -> None:
    known = {"locale": "ru_RU", "timeZone": "Europe/Minsk", "appVersion": "2.5.6"}
    secret = register(nobody, **known).get_json()["deviceSecret"]
    again = register(nobody, proof=secret, **dict.fromkeys(known, empty))
    assert again.status_code == 200
    stored = world.database.collection("devices")["h9"]
    assert {name: stored[name] for name in known} == known


@pytest.mark.parametrize("field", ["locale", "timeZone", "appVersion"])
@pytest.mark.parametrize(
    ("value", "code"),
    [("a\x00b", "controlCharacter"), ("\x1b[2J", "controlCharacter"), (7, "wrongType")],
)
def test_what_is_no_text_is_a_fault_of_its_field(
    nobody: Call, field: str, value: object, code: str
) -> None:
    assert errors_of(register(nobody, **{field: value})) == {field: code}


@pytest.mark.parametrize("field", ["locale", "timeZone", "appVersion"])
def test_half_a_surrogate_is_no_json(nobody: Call, field: str) -> None:
    assert register(nobody, **{field: "\ud83c"}).status_code == 400


def test_an_hwid_and_a_version_are_compared_character_by_character(
    nobody: Call, provider: Call, world: MemoryParts
) -> None:
    composed, apart = "Caf\u00e9", "Cafe\u0301"
    assert register(nobody, hwid=composed, appVersion=composed).status_code == 201
    assert set(world.database.collection("devices")) == {composed}
    assert reach(provider, hwid=composed) == reach(provider, appVersion=composed) == 1
    assert reach(provider, hwid=apart) == reach(provider, appVersion=apart) == 0


def reach(provider: Call, **segment: object) -> int:
    response = provider("POST", "/v1/estimates", {"targetSegment": segment})
    assert response.status_code == 200, response.text
    return int(response.get_json()["devices"])


# ---- people ----------------------------------------------------------------------------------


def a_notification(provider: Call, **fields: Any) -> str:
    response = provider("POST", "/v1/notifications", a_body(**fields))
    assert response.status_code == 201, response.text
    return str(response.get_json()["id"])


def call(function: str, data: object) -> TestResponse:
    known = bearer(CREDENTIALS[function]())
    return client(function).open("/", method="POST", json={"data": data}, headers=known)


@pytest.mark.parametrize("text", WRITTEN)
def test_every_text_that_a_person_writes_is_taken_everywhere(
    provider: Call, operator: Call, world: MemoryParts, text: str
) -> None:
    written = text.strip()
    id = a_notification(provider, title=text, body=text, urlButtonName=text)
    shown = provider("GET", f"/v1/notifications/{id}").get_json()
    assert (shown["title"], shown["body"], shown["urlButtonName"]) == (written,) * 3
    key = provider("POST", "/v1/keys", {"name": text})
    assert (key.status_code, key.get_json()["name"]) == (201, written)
    put = operator("PUT", "/v1/providers/p1", {"name": text, "members": [text]})
    assert (put.get_json()["name"], put.get_json()["members"]) == (written, [written])
    moderator = operator("PUT", "/v1/moderators/anna", {"name": text})
    assert moderator.get_json()["name"] == written
    templates = [{"id": "t", "title": text, "comment": text}]
    policy = operator("PUT", "/v1/moderation", {"templates": templates})
    assert policy.get_json()["templates"] == [{"id": "t", "title": written, "comment": written}]
    assert operator("PUT", "/v1/stop", {"stopped": False, "reason": text}).status_code == 200
    rejected = call("reject_notification", {"id": id, "comment": text})
    assert rejected.status_code == 200, rejected.text
    shown = provider("GET", f"/v1/notifications/{id}").get_json()
    assert shown["moderatorComment"] == written


def test_a_reason_to_stop_may_have_lines(provider: Call, operator: Call) -> None:
    id = a_notification(provider)
    for caller in (provider, operator):
        stopped = caller("POST", f"/v1/notifications/{id}/stop", {"reason": "one\ntwo"})
        assert stopped.get_json()["code"] == "wrongState"


@pytest.mark.parametrize("text", WRITTEN)
def test_a_notification_is_found_by_what_it_says(provider: Call, text: str) -> None:
    id = a_notification(provider, title=f"- {text} -")
    a_notification(provider, title="another")
    found = provider("GET", "/v1/notifications", query_string={"q": text}).get_json()
    assert [each["id"] for each in found["notifications"]] == [id]
    queue = call("moderation_queue", {"q": text}).get_json()["result"]
    assert [each["id"] for each in queue["notifications"]] == [id]


@pytest.mark.parametrize(
    ("title", "q"),
    [
        ("Cafe\u0301", "CAF\u00c9"),
        (HALF_SPACE, HALF_SPACE.replace("\u200c", "")),
        ("\u5168\u54c1\u3000\u534a\u984d", "\u5168\u54c1 \u534a\u984d"),
        (FAMILY, FAMILY.replace("\u200d", "")),
        ("\uff33\uff21\uff2c\uff25", "sale"),
        (f"{YOUNG} Sale", YOUNG),
    ],
)
def test_what_reads_the_same_is_found_in_another_form(provider: Call, title: str, q: str) -> None:
    id = a_notification(provider, title=title)
    found = provider("GET", "/v1/notifications", query_string={"q": q}).get_json()
    queue = call("moderation_queue", {"q": q}).get_json()["result"]
    for listed in (found["notifications"], queue["notifications"]):
        assert [each["id"] for each in listed] == [id]


@pytest.mark.parametrize("blank", BLANK)
def test_a_text_of_which_nothing_is_seen_is_missing_where_it_is_required(
    provider: Call, operator: Call, world: MemoryParts, blank: str
) -> None:
    id = a_notification(provider)
    before = world.stored()
    created = provider("POST", "/v1/notifications", a_body(title=blank, body=blank))
    assert errors_of(created) == {"title": "required", "body": "required"}
    assert errors_of(provider("POST", "/v1/keys", {"name": blank})) == {"name": "required"}
    template = {"id": "t", "title": blank, "comment": blank}
    policy = operator("PUT", "/v1/moderation", {"templates": [template]})
    assert errors_of(policy) == {
        "templates.0.title": "required",
        "templates.0.comment": "required",
    }
    put = operator("PUT", "/v1/providers/p1", {"members": ["m1", blank]})
    assert errors_of(put) == {"members.1": "required"}
    rejected = call("reject_notification", {"id": id, "comment": blank})
    (fault,) = rejected.get_json()["error"]["details"]["errors"]
    assert (fault["field"], fault["code"]) == ("comment", "required")
    assert world.stored() == before


@pytest.mark.parametrize("blank", BLANK)
def test_a_text_of_which_nothing_is_seen_is_absent_where_it_is_optional(
    provider: Call, operator: Call, blank: str
) -> None:
    fields = dict.fromkeys(("image", "url", "urlButtonName"), blank)
    id = a_notification(provider, **fields)
    shown = provider("GET", f"/v1/notifications/{id}").get_json()
    assert (shown["image"], shown["url"], shown["urlButtonName"]) == (None, None, "Open")
    draft = provider("POST", "/v1/notifications", {"draft": True, "title": blank}).get_json()
    assert draft["title"] is None
    assert operator("PUT", "/v1/providers/p1", {"name": blank}).get_json()["name"] == ""
    found = provider("GET", "/v1/notifications", query_string={"q": blank}).get_json()
    assert {each["id"] for each in found["notifications"]} == {id, draft["id"]}


@pytest.mark.parametrize("text", ["a\x00b", "\x1b[31m", "\x07"])
def test_control_characters_are_a_fault_of_their_field(
    provider: Call, operator: Call, text: str
) -> None:
    fault = "controlCharacter"
    id = a_notification(provider)
    created = provider("POST", "/v1/notifications", a_body(title=text))
    assert errors_of(created) == {"title": fault}
    assert errors_of(provider("POST", "/v1/keys", {"name": text})) == {"name": fault}
    stop = operator("PUT", "/v1/stop", {"stopped": True, "reason": text})
    assert errors_of(stop) == {"reason": fault}
    listed = provider("GET", "/v1/notifications", query_string={"q": text})
    assert errors_of(listed) == {"q": fault}
    email = operator("PUT", "/v1/providers/p1", {"email": f"a{text}@b.example"})
    assert errors_of(email) == {"email": "badFormat"}
    rejected = call("reject_notification", {"id": id, "comment": text})
    (found,) = rejected.get_json()["error"]["details"]["errors"]
    assert (found["field"], found["code"]) == ("comment", fault)


# ---- requests --------------------------------------------------------------------------------

BODY = json.dumps(a_body(), ensure_ascii=False).encode()
MEANT = [
    "application/json",
    "application/json;",
    "Application/JSON",
    "application/json; charset=utf8",
    "application/json; charset=UTF-8",
    'application/json; charset="utf-8"',
    "application/json; charset='utf-8'",
    "application/json; charset=utf_8",
    "application/json;charset=us-ascii",
    "application/json; charset=",
    "application/json; profile=x; CHARSET=Utf8",
    " application/json ; charset=utf-8 ",
    "text/json",
    "application/vnd.api+json",
    "application/merge-patch+json; charset=utf-8",
]


@pytest.mark.parametrize("kind", MEANT)
def test_a_body_that_says_in_any_way_that_it_is_json_is_read(provider: Call, kind: str) -> None:
    response = provider("POST", "/v1/notifications", data=BODY, headers={"Content-Type": kind})
    assert response.status_code == 201, response.text
    known = bearer(CREDENTIALS["moderation_queue"]())
    called = client("moderation_queue").open(
        "/", method="POST", data=b'{"data": {}}', headers={**known, "Content-Type": kind}
    )
    assert called.status_code == 200, called.text


@pytest.mark.parametrize(
    ("kind", "charset"),
    [
        ("application/json; charset=utf-16", "utf-16"),
        ("application/json; charset=iso-8859-1", "latin-1"),
        ("application/json; charset=windows-1251", "cp1251"),
    ],
)
def test_a_body_in_another_charset_is_refused_with_what_to_do(
    provider: Call, kind: str, charset: str
) -> None:
    data = BODY.decode().encode(charset)
    response = provider("POST", "/v1/notifications", data=data, headers={"Content-Type": kind})
    assert (response.status_code, response.get_json()["code"]) == (415, "unsupportedMediaType")
    assert "UTF-8" in response.get_json()["detail"]


def test_a_byte_order_mark_is_no_part_of_the_body(provider: Call) -> None:
    sent = {"Content-Type": "application/json"}
    marked = provider("POST", "/v1/notifications", data=b"\xef\xbb\xbf" + BODY, headers=sent)
    assert marked.status_code == 201
    doubly = provider("POST", "/v1/notifications", data=b"\xef\xbb\xbf" * 2 + BODY, headers=sent)
    assert doubly.get_json()["code"] == "malformed"


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "*/*"},
        {"Accept": "application/json;q=0.9, text/html"},
        {"Accept": "text/html"},
        {"Content-Encoding": " Identity "},
        {"Content-Encoding": ""},
        {"Authorization": f"bearer  {token('p1')} "},
        {"Authorization": f"BEARER {token('p1')}"},
    ],
    ids=["any", "several", "another", "identity", "none", "bearer", "BEARER"],
)
def test_a_header_that_means_what_it_says_is_understood(
    provider: Call, headers: dict[str, str]
) -> None:
    response = provider("POST", "/v1/notifications", a_body(), headers=headers)
    assert response.status_code == 201, response.text


def test_spaces_around_an_idempotency_key_are_not_of_it(provider: Call) -> None:
    answers = [
        provider("POST", "/v1/notifications", a_body(), headers={"Idempotency-Key": key})
        for key in ("k1", "k1 ", " k1")
    ]
    assert len({answer.get_json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize("path", ["/v1/%6Eotifications", "/%76%31/notifications", "/v1%2Fdomains"])
def test_a_path_means_the_same_however_it_is_encoded(provider: Call, path: str) -> None:
    assert provider("GET", path).status_code == 200


@pytest.mark.parametrize("value", ["\u0663", "3\u0663", "\u00b2", "1_0", "", " 3", "1e3", True])
def test_a_wrapped_whole_number_is_of_the_digits_of_json(world: MemoryParts, value: object) -> None:
    wrapped = {"@type": "type.googleapis.com/google.protobuf.Int64Value", "value": value}
    called = call("moderation_stats", {"days": wrapped})
    assert (called.status_code, called.get_json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("size", ["\u0663", "\u00b2", "1\u0663"])
def test_a_page_size_is_of_those_digits_too(provider: Call, size: str) -> None:
    listed = provider("GET", "/v1/notifications", query_string={"pageSize": size})
    assert errors_of(listed) == {"pageSize": "wrongType"}
