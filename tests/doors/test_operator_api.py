"""What operators decide: who may send, on which domains, who moderates, and whether to stop."""

from typing import Any

import pytest

from functions.operator.api import LimitsInput
from shared.domain.actors import Role
from shared.domain.delivery.ledger import PlanPart
from shared.domain.notifications.lifecycle import Status
from shared.domain.providers.provider import LIMITS, Limit, Plan
from tests.builders import a_batch, a_notification, a_target, ran
from tests.doors.conftest import ADMIN_HWID, Call, errors_of
from tests.notification_documents import keep, records
from tests.parts import MemoryParts


def test_a_domains_history_tells_operators_who_changed_its_admin_hwids(
    operator: Call, provider: Call, world: MemoryParts
) -> None:
    path = "/v1/domains/example.com"
    provider("PATCH", path, {"adminHwids": [ADMIN_HWID, "Desk 7"]})
    world.clock.advance(1)
    operator("DELETE", path)
    latest, first = operator("GET", f"{path}/history").get_json()["entries"]
    assert (first["by"], first["providerId"]) == ("provider:p1", "p1")
    assert (first["added"], first["removed"]) == (["Desk 7"], [])
    assert latest["by"].startswith("operator:")
    assert (latest["added"], latest["removed"]) == ([], [ADMIN_HWID, "Desk 7"])
    assert operator("GET", "/v1/domains/nowhere.example/history").get_json() == {"entries": []}


def test_a_provider_is_created_and_changed_by_what_is_named(operator: Call) -> None:
    path = "/v1/providers/p9"
    assert operator("GET", path).status_code == 404
    given = {"email": "p9@example.com", "isPremium": True, "members": ["Ann@p9.example", "u1"]}
    created = operator("PUT", path, {**given, "limits": {"pendingAtOnce": 3}}).get_json()
    limits = limits_of(Plan.PREMIUM) | {"pendingAtOnce": 3}
    known = {"uid": "p9", "name": "", "plan": "premium", "limits": limits, "unreadable": []}
    assert created == {**given, **known}
    changed = operator("PUT", path, {"plan": "enterprise"}).get_json()
    larger = limits_of(Plan.ENTERPRISE) | {"pendingAtOnce": 3}
    assert changed == {**created, "plan": "enterprise", "limits": larger}
    assert changed == operator("GET", path).get_json()
    back = operator("PUT", path, {"limits": {}}).get_json()
    assert back["limits"] == limits_of(Plan.ENTERPRISE)


def limits_of(plan: Plan) -> dict[str, int]:
    return {str(limit): most for limit, most in LIMITS[plan].items()}


def test_every_limit_can_be_set() -> None:
    fields = LimitsInput.model_fields.values()
    assert {field.alias for field in fields} == {str(limit) for limit in Limit}


def test_verifying_a_domain_leaves_its_admin_hwids(operator: Call) -> None:
    path = "/v1/domains/example.com"
    changed = operator("PUT", path, {"isVerified": False}).get_json()
    assert changed == {
        "domain": "example.com",
        "providerId": "p1",
        "isVerified": False,
        "adminHwids": [ADMIN_HWID],
        "adminHwidNotes": {},
        "deepLinkSchemes": [],
        "unreadable": [],
    }
    assert operator("GET", "/v1/domains/EXAMPLE.COM").get_json() == changed


def test_a_domain_that_changes_hands_leaves_its_admin_hwids_behind(operator: Call) -> None:
    """They are the former owner's devices, and no moderator stands before them."""
    path = "/v1/domains/example.com"
    same = operator("PUT", path, {"providerId": "p1"}).get_json()
    assert same["adminHwids"] == [ADMIN_HWID]
    moved = operator("PUT", path, {"providerId": "p2"}).get_json()
    assert (moved["providerId"], moved["adminHwids"]) == ("p2", [])
    given = operator("PUT", path, {"providerId": "p1", "adminHwids": ["new"]}).get_json()
    assert given["adminHwids"] == ["new"]


def test_a_domain_that_changes_hands_leaves_the_schemes_of_its_apps_behind(operator: Call) -> None:
    path = "/v1/domains/example.com"
    given = operator("PUT", path, {"deepLinkSchemes": ["myapp"]}).get_json()
    assert given["deepLinkSchemes"] == ["myapp"]
    assert operator("PUT", path, {"providerId": "p2"}).get_json()["deepLinkSchemes"] == []


def test_a_new_domain_needs_an_owner_who_is_there(operator: Call) -> None:
    path = "/v1/domains/new.example"
    assert errors_of(operator("PUT", path, {"isVerified": True})) == {"providerId": "required"}
    assert errors_of(operator("PUT", path, {"providerId": "p9"})) == {
        "providerId": "unknownProvider"
    }
    assert operator("PUT", path, {"providerId": "p1"}).get_json()["isVerified"] is False
    assert operator("DELETE", path).status_code == 204
    assert operator("DELETE", path).status_code == 204
    assert operator("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("method", "body"),
    [("PUT", {"isVerified": False}), ("PUT", {"providerId": "p2"}), ("DELETE", None)],
)
def test_what_is_on_its_way_to_a_domain_is_told_that_it_is_lost(
    operator: Call, world: MemoryParts, method: str, body: object
) -> None:
    sending = a_notification("n1", Status.SENDING)
    planned = sending.follow(ran(sending).cut(1, ("example.com", "example.org"), "t")).notification
    keep(world.database, planned)
    path = "/v1/domains/EXAMPLE.com"
    assert operator("PUT", path, {"isVerified": True}).status_code == 200
    assert "lostDomains" not in records(world.database)["n1"]
    for _ in range(2):
        assert operator(method, path, body).status_code in {200, 204}
        assert ran(world.notifications.get(planned.id)).lost_domains == ("example.com",)
    (entry,) = world.notifications.history(planned.id)
    assert (entry.move, entry.actor, entry.reason) == ("domainLost", "operator:o1", "example.com")


def test_moderators_are_made_and_unmade(operator: Call, world: MemoryParts) -> None:
    made = operator("PUT", "/v1/moderators/anna")
    unknown = {"telegramUserId": None, "name": "", "email": ""}
    assert made.get_json() == {"uid": "anna", "moderator": True, **unknown}
    assert world.standings.accounts["anna"].holds(Role.MODERATOR)
    assert operator("DELETE", "/v1/moderators/anna").status_code == 204
    assert not world.standings.accounts["anna"].holds(Role.MODERATOR)
    assert operator("PUT", "/v1/moderators/nobody").status_code == 404
    assert set(world.database.collection("moderators")) == {"anna"}
    assert world.moderators.get("anna") is None
    assert world.moderators.was_removed("anna")


def test_a_telegram_user_is_one_moderator_until_they_are_none(
    operator: Call, world: MemoryParts
) -> None:
    anna = operator("PUT", "/v1/moderators/anna", {"telegramUserId": 77, "name": "Anna"})
    assert anna.get_json()["telegramUserId"] == 77
    renamed = operator("PUT", "/v1/moderators/anna", {"name": "Anna B."}).get_json()
    assert (renamed["telegramUserId"], renamed["name"]) == (77, "Anna B.")
    for shared in (777000, 136817688, 1087968824):
        nobody = operator("PUT", "/v1/moderators/berta", {"telegramUserId": shared})
        assert errors_of(nobody) == {"telegramUserId": "sharedAccount"}
    taken = operator("PUT", "/v1/moderators/berta", {"telegramUserId": 77})
    assert errors_of(taken) == {"telegramUserId": "taken"}
    assert world.moderators.by_telegram(77) is not None
    operator("DELETE", "/v1/moderators/anna")
    assert world.moderators.by_telegram(77) is None


def test_the_policy_is_changed_by_what_is_named(operator: Call) -> None:
    path = "/v1/moderation"
    usual = {"secondApprovalAbove": 50_000, "slaSeconds": 3600, "templates": []}
    assert operator("GET", path).get_json() == usual
    template = {"id": "too-loud", "title": "Too loud", "comment": "Do not shout."}
    changed = operator("PUT", path, {"templates": [template]}).get_json()
    assert changed == {**usual, "templates": [template]}
    shorter = operator("PUT", path, {"slaSeconds": 600, "secondApprovalAbove": 0}).get_json()
    assert shorter == {"secondApprovalAbove": 0, "slaSeconds": 600, "templates": [template]}
    assert operator("GET", path).get_json() == shorter
    twice = operator("PUT", path, {"templates": [template, template]})
    assert errors_of(twice) == {"templates": "notUnique"}


def test_the_stop_switch_remembers_who_and_why(operator: Call, world: MemoryParts) -> None:
    assert operator("GET", "/v1/stop").get_json() == {"stopped": False}
    assert operator("PUT", "/v1/stop", {"stopped": True, "reason": "spam"}).status_code == 200
    assert operator("GET", "/v1/stop").get_json() == {"stopped": True}
    switch = world.database.collection("platform")["stop"]
    assert (switch["by"], switch["reason"]) == ("operator:o1", "spam")


def test_an_operator_stops_anybodys_distribution(operator: Call, world: MemoryParts) -> None:
    sending = a_notification(status=Status.SENDING)
    keep(world.database, sending)
    part = PlanPart(sending.id, 0, 1023, "")
    world.ledger.open_parts([part])
    world.ledger.advance(world.ledger.parts(sending.id)[0], [a_batch([a_target(), a_target()])])
    stopped = operator("POST", f"/v1/notifications/{sending.id}/stop", {"reason": "complaints"})
    answer = stopped.get_json()
    assert answer["status"] == "stopped"
    assert (answer["deliveredCount"], answer["preventedCount"]) == (0, 2)
    [entry] = world.notifications.history(sending.id)
    assert (entry.actor, entry.reason) == ("operator:o1", "complaints")


@pytest.mark.parametrize(
    ("path", "body", "faults"),
    [
        (
            "/v1/providers/p1",
            {
                "email": "nobody",
                "isPremium": 1,
                "plan": "gold",
                "name": "a\u0000",
                "limits": {"pendingAtOnce": -1, "perMinute": 5, "submissionsPerDay": "10"},
                "members": ["a\u0000"],
                "uid": "p2",
            },
            {
                "email": "badFormat",
                "isPremium": "wrongType",
                "plan": "notAllowed",
                "name": "controlCharacter",
                "limits.pendingAtOnce": "tooSmall",
                "limits.perMinute": "unknownField",
                "limits.submissionsPerDay": "wrongType",
                "members.0": "controlCharacter",
                "uid": "unknownField",
            },
        ),
        (
            "/v1/domains/example.com",
            {"providerId": 5, "isVerified": "yes", "adminHwids": ["a/b"], "domain": "x"},
            {
                "providerId": "wrongType",
                "isVerified": "wrongType",
                "adminHwids.0": "badFormat",
                "domain": "unknownField",
            },
        ),
        (
            "/v1/moderation",
            {
                "secondApprovalAbove": -1,
                "slaSeconds": 59,
                "templates": [{"id": "A B", "comment": " "}],
            },
            {
                "secondApprovalAbove": "tooSmall",
                "slaSeconds": "tooSmall",
                "templates.0.id": "badFormat",
                "templates.0.title": "required",
                "templates.0.comment": "required",
            },
        ),
        ("/v1/stop", {"reason": "x" * 501}, {"stopped": "required", "reason": "tooLong"}),
        (
            "/v1/moderators/anna",
            {"moderator": True, "telegramUserId": 0},
            {"moderator": "unknownField", "telegramUserId": "tooSmall"},
        ),
    ],
)
def test_every_fault_is_told_and_nothing_written(
    operator: Call, world: MemoryParts, path: str, body: dict[str, Any], faults: dict[str, str]
) -> None:
    before = world.stored()
    assert errors_of(operator("PUT", path, body)) == faults
    assert world.stored() == before


@pytest.mark.parametrize("name", ["a b", "-x.example", "x" * 64 + ".example", "a_b.example"])
def test_what_cannot_be_a_domain_is_not_there(operator: Call, name: str) -> None:
    assert operator("PUT", f"/v1/domains/{name}", {"providerId": "p1"}).status_code == 404


@pytest.mark.parametrize("uid", [".", "..", "__x__", "x" * 129])
def test_what_cannot_be_an_account_is_not_there(operator: Call, uid: str) -> None:
    assert operator("PUT", f"/v1/providers/{uid}", {"isPremium": True}).status_code == 404
