"""What a provider sees of its notifications, its account, its domains and its keys."""

import json
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf
from queue import SimpleQueue
from typing import Any
from urllib.parse import quote

import pytest

from shared.adapters.memory.senders import MemorySenders
from shared.domain.audience.device import AddressKind, derive
from shared.domain.content.content import CompleteInput
from shared.domain.findings.fetch_result import FetchResult
from shared.domain.notifications.lifecycle import Status
from shared.domain.push.answers import AddressGone, Answer, Misconfigured, Unsendable
from shared.domain.push.rendering import Push
from shared.ports.database import Merge
from tests.builders import NOON, OPERATOR, a_desktop, a_device
from tests.doors.conftest import ADMIN_HWID, Call, a_body, door, errors_of
from tests.notification_documents import alter, records
from tests.parts import MemoryParts, token


def created(provider: Call, **fields: object) -> str:
    response = provider("POST", "/v1/notifications", a_body(**fields))
    assert response.status_code == 201, response.text
    return str(response.get_json()["id"])


def test_a_new_notification_waits_for_moderation(provider: Call, world: MemoryParts) -> None:
    response = provider("POST", "/v1/notifications", a_body(url="myapp://sale"))
    shown = response.get_json()
    assert response.status_code == 201
    assert shown["status"] == "pending"
    assert shown["providerId"] == "p1"
    assert shown["urlButtonName"] == "Open"
    assert list(records(world.database)) == [shown["id"]]


def test_the_location_of_a_new_notification_leads_to_it(provider: Call) -> None:
    response = provider("POST", "/v1/notifications", a_body())
    assert response.headers["Location"] == f"notifications/{response.get_json()['id']}"


def test_a_draft_may_be_incomplete_and_is_submitted_when_it_is_not(provider: Call) -> None:
    draft = provider("POST", "/v1/notifications", {"title": "Soon", "draft": True})
    path = f"/v1/notifications/{draft.get_json()['id']}"
    assert draft.get_json()["status"] == "draft"
    assert errors_of(provider("POST", f"{path}/submit")) == {
        "body": "required",
        "targetSegment": "required",
    }
    assert provider("PATCH", path, {"body": "Now", "targetSegment": {}}).status_code == 200
    assert provider("POST", f"{path}/submit").get_json()["status"] == "pending"


def test_editing_a_pending_notification_makes_a_new_revision(provider: Call) -> None:
    path = f"/v1/notifications/{created(provider)}"
    edited = provider("PATCH", path, {"title": "Better"})
    assert (edited.get_json()["title"], edited.get_json()["revision"]) == ("Better", 2)
    assert provider("GET", path).get_json() == edited.get_json()


def test_draft_is_no_field_of_an_edit(provider: Call) -> None:
    path = f"/v1/notifications/{created(provider)}"
    assert errors_of(provider("PATCH", path, {"draft": False})) == {"draft": "unknownField"}


def test_a_notification_is_cancelled_once(provider: Call) -> None:
    path = f"/v1/notifications/{created(provider)}/cancel"
    assert provider("POST", path).get_json()["status"] == "cancelled"
    again = provider("POST", path)
    assert again.status_code == 409
    assert again.get_json()["code"] == "wrongState"
    assert again.get_json()["details"] == {"status": "cancelled", "move": "cancel"}


def test_only_drafts_can_be_deleted(provider: Call, world: MemoryParts) -> None:
    draft = created(provider, draft=True)
    pending = created(provider)
    assert provider("DELETE", f"/v1/notifications/{draft}").status_code == 204
    assert provider("DELETE", f"/v1/notifications/{pending}").status_code == 409
    assert list(records(world.database)) == [pending]


def test_a_duplicate_is_a_draft_of_its_own(provider: Call) -> None:
    source = created(provider)
    response = provider("POST", f"/v1/notifications/{source}/duplicate")
    copy = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"../{copy['id']}"
    assert (copy["status"], copy["title"]) == ("draft", "Sale")
    assert copy["id"] != source


def test_an_expiry_is_shown_edited_copied_and_taken_away(provider: Call) -> None:
    id = created(provider, expirySeconds=60)
    path = f"/v1/notifications/{id}"
    assert provider("GET", path).get_json()["expirySeconds"] == 60
    edited = provider("PATCH", path, {"expirySeconds": 31_536_000}).get_json()
    assert (edited["expirySeconds"], edited["revision"]) == (31_536_000, 2)
    assert provider("POST", f"{path}/duplicate").get_json()["expirySeconds"] == 31_536_000
    [shown] = door("moderation_queue", token("m1", moderator=True))(
        "POST", "/", {"data": {}}
    ).get_json()["result"]
    assert shown["expirySeconds"] == 31_536_000
    assert provider("PATCH", path, {"expirySeconds": None}).get_json()["expirySeconds"] is None


def test_lists_are_paged_and_filtered(provider: Call) -> None:
    for title in ("one", "two", "three"):
        created(provider, title=title)
    first = provider("GET", "/v1/notifications?pageSize=2&kind=one-time&status=pending").get_json()
    token = first["nextPageToken"]
    rest = provider("GET", f"/v1/notifications?pageSize=2&pageToken={token}").get_json()
    titles = [each["title"] for each in first["notifications"] + rest["notifications"]]
    assert sorted(titles) == ["one", "three", "two"]
    assert rest["nextPageToken"] is None
    found = provider("GET", "/v1/notifications?q=TWO").get_json()["notifications"]
    assert [each["title"] for each in found] == ["two"]


def test_every_fault_of_a_query_is_told_at_once(provider: Call) -> None:
    query = "status=nearly&pageSize=101&kind=weekly&sort=title&q=a&q=b"
    assert errors_of(provider("GET", f"/v1/notifications?{query}")) == {
        "status": "notAllowed",
        "pageSize": "tooBig",
        "kind": "notAllowed",
        "sort": "unknownField",
        "q": "repeated",
    }
    assert errors_of(provider("GET", "/v1/notifications?page_size=5")) == {
        "page_size": "unknownField"
    }
    assert errors_of(provider("GET", "/v1/notifications?pageToken=mine")) == {
        "pageToken": "invalidPageToken"
    }
    assert errors_of(provider("GET", "/v1/me?verbose=1")) == {"verbose": "unknownField"}


def test_a_foreign_notification_looks_exactly_like_none(
    provider: Call, other_provider: Call
) -> None:
    mine = created(provider)

    def answer(method: str, path: str) -> tuple[int, object]:
        response = other_provider(method, path)
        problem = response.get_json()
        return response.status_code, {k: v for k, v in problem.items() if k != "instance"}

    for method, action in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("POST", "/stop"),
        ("POST", "/submit"),
        ("POST", "/duplicate"),
        ("POST", "/test"),
        ("GET", "/stats"),
        ("GET", "/devices/h1"),
    ]:
        foreign = answer(method, f"/v1/notifications/{mine}{action}")
        assert foreign == answer(method, f"/v1/notifications/none{action}")
        assert foreign[0] == 404


def test_the_dashboard_counts_by_status_and_shows_the_latest(provider: Call) -> None:
    created(provider)
    created(provider, title="Latest", draft=True)
    shown = provider("GET", "/v1/dashboard").get_json()
    assert shown["counts"]["pending"] == shown["counts"]["draft"] == 1
    assert set(shown["counts"]) == set(map(str, Status))
    assert {each["title"] for each in shown["latest"]} == {"Latest", "Sale"}


def test_statistics_add_up(provider: Call) -> None:
    shown = provider("GET", f"/v1/notifications/{created(provider)}/stats").get_json()
    counted = ("delivered", "failed", "skipped", "unknown", "open")
    assert shown["targetedCount"] == sum(shown[f"{name}Count"] for name in counted)
    assert shown["errors"] == []


def test_me_says_what_is_missing_to_send(provider: Call, world: MemoryParts) -> None:
    assert provider("GET", "/v1/me").get_json()["entitlements"] == {
        "send": True,
        "forceTimer": True,
        "missing": [],
    }
    world.database.commit([Merge("providers/p1", {"isPremium": False})])
    world.providers.delete_domain("example.com", by=OPERATOR, at=NOON)
    missing = provider("GET", "/v1/me").get_json()["entitlements"]["missing"]
    assert [each["code"] for each in missing] == ["premiumRequired", "verifiedDomainRequired"]


def test_without_premium_nothing_is_created(provider: Call, world: MemoryParts) -> None:
    world.database.commit([Merge("providers/p1", {"isPremium": False})])
    before = world.stored()
    response = provider("POST", "/v1/notifications", a_body())
    assert (response.status_code, response.get_json()["code"]) == (403, "premiumRequired")
    assert world.stored() == before


def test_a_force_timer_needs_the_enterprise_plan(other_provider: Call, world: MemoryParts) -> None:
    response = other_provider("POST", "/v1/notifications", a_body(forceTimer=5))
    assert (response.status_code, response.get_json()["code"]) == (403, "enterpriseRequired")


def test_admin_hwids_are_replaced_on_ones_own_domain_only(
    provider: Call, other_provider: Call
) -> None:
    path, hwids = "/v1/domains/EXAMPLE.com", {"adminHwids": ["Desk 7", "desk 7", "Стол"]}
    assert other_provider("PATCH", path, hwids).status_code == 404
    assert provider("PATCH", path, hwids).get_json()["adminHwids"] == hwids["adminHwids"]
    shown = provider("GET", "/v1/domains").get_json()["domains"]
    assert [each["domain"] for each in shown] == ["example.com", "unverified.example"]


class SilentWeb:
    """Links that do not answer before they are let."""

    def __init__(self) -> None:
        self.questions: SimpleQueue[str] = SimpleQueue()
        self.may_end = threading.Event()

    def look(self, url: str, *, seconds: float, asker: str) -> FetchResult:
        del seconds, asker
        self.questions.put(url)
        assert self.may_end.wait(30)
        return FetchResult(url, status=200)


def test_forty_submits_of_one_draft_with_a_silent_link_hold_one_thread(
    provider: Call, world: MemoryParts
) -> None:
    draft = created(provider, draft=True, url="https://silent.example/")
    silent = SilentWeb()
    world.web = silent  # type: ignore[assignment]
    submit = partial(provider, "POST", f"/v1/notifications/{draft}/submit")
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(submit)
        assert silent.questions.get(timeout=30) == "https://silent.example/"
        for _ in range(39):
            refused = submit()
            assert (refused.status_code, refused.get_json()["code"]) == (409, "inProgress")
            assert int(refused.headers["Retry-After"]) >= 1
        assert silent.questions.empty()
        silent.may_end.set()
        assert first.result(30).get_json()["status"] == "pending"


def test_the_way_round_moderation_takes_a_person(provider: Call, world: MemoryParts) -> None:
    key = provider("POST", "/v1/keys", {"name": "server"}).get_json()["key"]
    server, path = door("provider_api", key), "/v1/domains/example.com"
    refused = server("PATCH", path, {"adminHwids": ["Desk 7"]})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "idTokenRequired")
    assert [it.admin_hwids for it in world.providers.domains_of("p1")] == [(ADMIN_HWID,), ()]
    assert server("GET", "/v1/domains").status_code == 200


def test_too_many_different_admin_hwids_are_told_with_the_time_to_wait(provider: Call) -> None:
    path = "/v1/domains/example.com"
    for letter in "ab":
        given = {"adminHwids": [f"{letter}{n}" for n in range(9)]}
        assert provider("PATCH", path, given).status_code == 200
    refused = provider("PATCH", path, {"adminHwids": ["c1", "c2"]})
    assert (refused.status_code, refused.get_json()["code"]) == (429, "adminHwidsReached")
    assert int(refused.headers["Retry-After"]) > 29 * 24 * 3600


def test_the_schemes_of_ones_own_apps_are_declared_and_replaced(
    provider: Call, other_provider: Call
) -> None:
    path, given = "/v1/domains/example.com", {"deepLinkSchemes": ["MyApp", "com.example.app"]}
    assert other_provider("PATCH", path, given).status_code == 404
    shown = provider("PATCH", path, given).get_json()
    assert shown["deepLinkSchemes"] == ["myapp", "com.example.app"]
    assert shown["adminHwids"] == [ADMIN_HWID], "what is left out stays"
    both = provider("PATCH", path, {"deepLinkSchemes": [], "adminHwids": []}).get_json()
    assert (both["deepLinkSchemes"], both["adminHwids"]) == ([], [])
    assert provider("PATCH", path, {}).get_json() == both


@pytest.mark.parametrize(
    "scheme",
    [
        *("https", "http", "javascript", "intent", "microsoft-edge", "opera-https", "tel", "fb"),
        *("ms-appinstaller", "ms-anything", "search-ms", "smb", "myapp:", "my app", "", "1app", 7),
        *("мойapp", "a" * 65),
    ],
)
def test_a_scheme_that_cannot_be_an_apps_own_is_refused(provider: Call, scheme: object) -> None:
    given = {"deepLinkSchemes": ["myapp", scheme]}
    refused = errors_of(provider("PATCH", "/v1/domains/example.com", given))
    assert list(refused) == ["deepLinkSchemes.1"]


def test_at_most_ten_schemes_are_declared(provider: Call) -> None:
    eleven = {"deepLinkSchemes": [f"app{n}" for n in range(11)]}
    refused = errors_of(provider("PATCH", "/v1/domains/example.com", eleven))
    assert refused == {"deepLinkSchemes": "tooMany"}


@pytest.mark.parametrize(
    ("domain", "code"),
    [("example.com", "deepLink"), ("unverified.example", "undeclaredScheme")],
)
def test_a_declared_scheme_is_the_providers_own_on_a_verified_domain(
    provider: Call, domain: str, code: str
) -> None:
    provider("PATCH", f"/v1/domains/{domain}", {"deepLinkSchemes": ["myapp"]})
    shown = provider("POST", "/v1/notifications", a_body(url="MYAPP://sale")).get_json()
    assert [each["code"] for each in shown["findings"]] == [code]


@pytest.mark.parametrize(
    "inner", ["http://a.example", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"]
)
@pytest.mark.parametrize(
    "link", ["microsoft-edge:{}", "intent:#Intent;S.browser_fallback_url={};end", "myapp://x?u={}"]
)
def test_what_no_link_may_be_no_link_may_carry(provider: Call, link: str, inner: str) -> None:
    for times in (0, 1, 2):
        url = link.format(inner)
        assert errors_of(provider("POST", "/v1/notifications", a_body(url=url))) == {
            "url": "notLinkable"
        }, times
        inner = quote(inner, safe="")


def test_at_most_ten_admin_hwids(provider: Call) -> None:
    eleven = {"adminHwids": [f"h{n}" for n in range(11)]}
    assert errors_of(provider("PATCH", "/v1/domains/example.com", eleven)) == {
        "adminHwids": "tooMany"
    }
    wrong = {"adminHwids": ["a/b", "", 5]}
    assert set(errors_of(provider("PATCH", "/v1/domains/example.com", wrong))) == {
        "adminHwids.0",
        "adminHwids.1",
        "adminHwids.2",
    }


def test_an_api_key_works_until_it_is_deleted_and_makes_no_other(
    provider: Call, world: MemoryParts
) -> None:
    issued = provider("POST", "/v1/keys", {"name": "server"}).get_json()
    server = door("provider_api", issued["key"])
    assert issued["key"].startswith("ffk_")
    assert issued["key"] not in str(world.stored())
    assert server("POST", "/v1/notifications", a_body()).status_code == 201
    refused = server("POST", "/v1/keys", {"name": "more"})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "idTokenRequired")
    listed = provider("GET", "/v1/keys").get_json()["keys"]
    assert [(each["id"], each["name"]) for each in listed] == [(issued["id"], "server")]
    assert provider("DELETE", f"/v1/keys/{issued['id']}").status_code == 204
    assert server("GET", "/v1/me").status_code == 401
    assert provider("DELETE", f"/v1/keys/{issued['id']}").status_code == 404


def test_of_a_device_on_foreign_domains_nothing_is_told(provider: Call, world: MemoryParts) -> None:
    foreign = a_device("far", domains=("other.example",), platform="ios")
    own = a_device("near", platform="ios")
    for device in (foreign, own):
        plain = {"platform": device.platform, "domains": list(device.domains)}
        world.database.hold(f"devices/{device.hwid}", plain)
    path = f"/v1/notifications/{created(provider, targetSegment={'platform': 'android'})}/devices"
    told = {hwid: provider("GET", f"{path}/{hwid}").get_json() for hwid in ("near", "far", "none")}
    assert told["near"]["misses"] == ["platform"]
    assert told["far"] == {**told["none"], "hwid": "far"}
    assert told["none"]["misses"] == ["device"]


def test_an_estimate_counts_by_platform(provider: Call) -> None:
    shown = provider("POST", "/v1/estimates", {"targetSegment": {"platform": "ios"}}).get_json()
    assert set(shown) == {"devices", "byPlatform", "exact"}
    assert set(shown["byPlatform"]) == {"ios"}


def test_unknown_paths_and_methods_are_problems(provider: Call) -> None:
    nowhere = provider("GET", "/v1/campaigns")
    assert (nowhere.status_code, nowhere.mimetype) == (404, "application/problem+json")
    wrong = provider("PUT", "/v1/notifications")
    assert wrong.status_code == 405
    assert set(re.split(", ", wrong.headers["Allow"])) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize("name", ["title", "body", "targetSegment"])
def test_what_a_complete_notification_needs_is_what_the_model_says(
    provider: Call, name: str
) -> None:
    required = {f.alias for f in CompleteInput.model_fields.values() if f.is_required()}
    body = {key: value for key, value in a_body().items() if key != name}
    assert name in required
    assert errors_of(provider("POST", "/v1/notifications", body)) == {name: "required"}


def test_an_admin_hwid_is_compared_character_by_character(provider: Call) -> None:
    for hwid in (ADMIN_HWID.lower(), f"{ADMIN_HWID} "):
        response = provider("POST", "/v1/notifications", a_body(targetSegment={"hwid": hwid}))
        assert response.get_json()["status"] == "pending"


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "\N{PARTY POPPER}" * 100},
        {"body": "\N{PARTY POPPER}" * 500},
        {"title": f"  {'x' * 100}  "},
        {"targetSegment": {"region": [], "domain": "", "hwid": None}},
        {"targetSegment": {"domain": "Example.COM"}},
        {"image": "", "url": None},
    ],
)
def test_what_is_only_unusual_is_taken(provider: Call, fields: dict[str, Any]) -> None:
    assert provider("POST", "/v1/notifications", a_body(**fields)).status_code == 201


def test_languages_are_shown_in_the_usual_case_and_none_is_no_filter(provider: Call) -> None:
    for given, shown in ((["PT-br", "iw"], {"languages": ["pt-BR", "iw"]}), ([], {}), (None, {})):
        body = a_body(targetSegment={"languages": given})
        id = provider("POST", "/v1/notifications", body).get_json()["id"]
        segment = provider("GET", f"/v1/notifications/{id}").get_json()["targetSegment"]
        assert segment == {"platform": "all"} | shown


def test_the_charset_utf_8_may_be_said(provider: Call) -> None:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    data = json.dumps(a_body()).encode()
    assert provider("POST", "/v1/notifications", data=data, headers=headers).status_code == 201


def test_a_notification_to_an_admin_hwid_is_delivered_before_the_answer(
    provider: Call, world: MemoryParts
) -> None:
    world.devices.refresh(a_desktop(ADMIN_HWID), derive(ADMIN_HWID, "en_US", ["example.com"]))
    response = provider("POST", "/v1/notifications", a_body(targetSegment={"hwid": ADMIN_HWID}))
    shown = response.get_json()
    assert response.status_code == 201
    assert (shown["status"], shown["autoApproved"], shown["autoApproveReason"]) == (
        "approved",
        True,
        "adminHwid",
    )
    assert (shown["targetedCount"], shown["deliveredCount"]) == (1, 1)
    slot = world.devices.pending(ADMIN_HWID, world.clock.now())
    assert slot is not None
    assert (slot["id"], slot["title"]) == (shown["id"], "Sale")
    path = f"/v1/notifications/{shown['id']}"
    explained = provider("GET", f"{path}/devices/{ADMIN_HWID}").get_json()
    assert (explained["targeted"], explained["outcome"]) == (True, "delivered")
    assert provider("GET", f"{path}/stats").get_json()["openCount"] == 0


class Refusing:
    """A push service that says the same to everybody."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
        return [self.answer] * len(pushes)


@pytest.mark.parametrize(
    "answer",
    [
        Misconfigured("credentialsRefused"),
        Unsendable("invalidMessage"),
        AddressGone("unregistered"),
    ],
)
def test_what_a_push_service_refuses_an_admin_hwid_is_said_in_the_answer(
    answer: Misconfigured | Unsendable | AddressGone, provider: Call, world: MemoryParts
) -> None:
    world.devices.refresh(a_device(ADMIN_HWID), derive(ADMIN_HWID, "en_US", ["example.com"]))
    world.senders = MemorySenders({AddressKind.FCM: Refusing(answer)})
    response = provider("POST", "/v1/notifications", a_body(targetSegment={"hwid": ADMIN_HWID}))
    shown = response.get_json()
    assert (shown["status"], shown["errors"]) == ("failed", {answer.code: 1})


def test_a_notification_that_reached_nobody_says_why(provider: Call) -> None:
    to_nobody = a_body(targetSegment={"hwid": ADMIN_HWID})
    shown = provider("POST", "/v1/notifications", to_nobody).get_json()
    assert (shown["status"], shown["failureReason"]) == ("failed", "noAudience")
    stats = provider("GET", f"/v1/notifications/{shown['id']}/stats").get_json()
    assert stats["failure"]["code"] == "noAudience"
    assert stats["failure"]["message"]


@pytest.mark.parametrize("host", ["%aa.example", "%00.example", "exa%mple", "[::1", "a." * 900])
@pytest.mark.parametrize("field", ["url", "image"])
def test_an_address_whose_host_nobody_can_read_is_a_fault_of_its_field(
    provider: Call, field: str, host: str
) -> None:
    pending = created(provider)
    wrong = {field: f"https://{host}/"}
    for response in (
        provider("POST", "/v1/notifications", a_body(**wrong)),
        provider("POST", "/v1/notifications", a_body(**wrong, draft=True)),
        provider("PATCH", f"/v1/notifications/{pending}", wrong),
    ):
        assert response.status_code == 422
        assert [fault["field"] for fault in response.get_json()["errors"]] == [field]


@pytest.mark.parametrize("field", ["url", "image", "title"])
def test_half_a_character_is_no_json(provider: Call, field: str) -> None:
    body = json.dumps(a_body(**{field: "https://a.example/\ud800"}))
    sent = {"data": body, "content_type": "application/json"}
    assert provider("POST", "/v1/notifications", **sent).status_code == 400


def test_a_text_may_name_a_host_that_nobody_can_read(provider: Call) -> None:
    body = a_body(body="See https://%aa.example/ and https://[::1 and https://exa%mple")
    assert provider("POST", "/v1/notifications", body).status_code == 201


def test_a_draft_saved_under_older_rules_can_be_submitted(
    provider: Call, world: MemoryParts
) -> None:
    id = created(provider, draft=True)
    alter(world.database, id, url="https://%aa.example/")
    submitted = provider("POST", f"/v1/notifications/{id}/submit")
    assert submitted.status_code == 200
    assert "malformedUrl" in [each["code"] for each in submitted.get_json()["findings"]]
