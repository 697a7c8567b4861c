"""The stories that are told to Firestore (``moves``)."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.recorded.asking import world
from tests.recorded.entrances.doors import ROOM, TELEGRAM_SECRET
from tests.recorded.moves import Step, Story

N = "pendingNotifications"
ACME = ("providers/p1", "domains/example.com", "domains/unverified", "platform/", "moderators/")
DEVICES = ("devices/", "deviceSecrets/")
NEW = "id000000000000000001"
PLAIN = {"title": "Sale", "body": "Everything must go", "targetSegment": {}}
FULL = {
    **PLAIN,
    "image": "https://cdn.example.com/sale.png",
    "url": "https://example.com/sale",
    "urlButtonName": "To the sale",
    "forceTimer": 5,
    "expirySeconds": 3600,
    "targetSegment": {"platform": "all", "region": ["us", "de"], "domain": "example.com"},
}


def stories() -> tuple[Story, ...]:
    """List all stories."""
    return (
        _distribution(),
        _archive(),
        _retries(),
        _chunks(),
        _credentials(),
        _drafts(),
        _refusals(),
        _admin(),
        _ends(),
        _failures(),
        _devices(),
        _administration(),
        _chat(),
    )


def _provider(does: str, method: str, path: str, body: object = None, **more: Any) -> Step:
    return Step(does, "provider-api", method, f"/v1/{path}", body=body, **more)


def _operator(does: str, method: str, path: str, body: object = None) -> Step:
    return Step(does, "operator-api", method, f"/v1/{path}", "operator", body)


def _moderator(does: str, what: str, caller: str = "moderator", /, **data: Any) -> Step:
    return Step(does, f"{what}-notification", caller=caller, body={"data": data})


def _written(id: str) -> Step:
    return Step("the event", "on-notification-written", caller="Google", written=f"{N}/{id}")


def _plan(id: str, does: str = "plan") -> Step:
    return Step(does, "plan-fanout", caller="Google", body={"notificationId": id})


def _export(does: str, **body: str) -> Step:
    return Step(does, "export-events", caller="Google", body=body)


TASKS = Step("the tasks", tasks=True)
TICK = Step("a tick", "tick", caller="Google", body={}, seconds=60)


def _distribution() -> Story:
    low = {"secondApprovalAbove": 2}
    return Story(
        "distribution",
        (*ACME, *DEVICES),
        (
            _provider("create", "POST", "notifications", FULL),
            _provider("edit", "PATCH", f"notifications/{NEW}", {"title": "Better"}),
            _moderator("claim", "claim", id=NEW),
            _moderator("release", "release", id=NEW),
            _operator("two must approve", "PUT", "moderation", low),
            _moderator("claim again", "claim", id=NEW),
            _moderator("approve first", "approve", id=NEW, revision=2),
            _moderator("approve second", "approve", "second moderator", id=NEW, revision=2),
            _written(NEW),
            TASKS,
            TICK,
        ),
    )


def _archive() -> Story:
    """Archive what ended long ago: its outcomes are of our clock, so every hash is the same."""
    return Story(
        "archive",
        (f"{N}/approved/", f"{N}/approved-admin", f"{N}/rejected"),
        (
            _export("export", notificationId="approved"),
            _export("export an admin's", notificationId="approved-admin"),
            _export("export what was rejected", notificationId="rejected"),
            _export("close the day", day="2026-01-01"),
        ),
        more={f"{N}/approved": world()[f"{N}/approved"]},
    )


def _retries() -> Story:
    answers = {
        "token-phone-1": ("busy", "lost", "accepted"),
        "token-phone-2": ("unregistered",),
        "token-bare": ("refused",),
        "ab" * 32: ("lost", "refused"),
    }
    return Story(
        "retries",
        (*ACME, *DEVICES, f"{N}/sending-new"),
        (
            Step(
                "a device of others", "on-device-written", caller="Google", written="devices/bare"
            ),
            _plan("sending-new"),
            Step("the first attempt and the next", tasks=True, push=answers),
            TICK,
        ),
    )


def _chunks() -> Story:
    phones = {
        f"devices/p-{n:02d}": {
            "hwid": {"stringValue": f"p-{n:02d}"},
            "platform": {"stringValue": "android"},
            "fcmToken": {"stringValue": f"t{n}"},
            "selectors": {"arrayValue": {"values": [{"stringValue": "example.com"}]}},
            "partition": {"integerValue": str(n)},
        }
        for n in range(55)
    }
    return Story(
        "chunks",
        (*ACME, f"{N}/sending-new"),
        (
            _operator("a low rate", "PUT", "providers/p1", {"limits": {"devicesPerMinute": 20}}),
            _plan("sending-new"),
            Step("two chunks", tasks=True, push={"t3": ("busy", "accepted"), "t54": ("refused",)}),
        ),
        more=phones,
    )


def _credentials() -> Story:
    return Story(
        "credentials",
        (*ACME, "devices/phone-1", f"{N}/sending-new"),
        (
            _plan("sending-new"),
            Step("nothing is taken", tasks=True, push={"token-phone-1": ("misconfigured",)}),
        ),
    )


def _drafts() -> Story:
    return Story(
        "drafts",
        (*ACME, f"{N}/draft"),
        (
            _provider("save a draft", "POST", "notifications", {"draft": True, "title": "Later"}),
            _provider("edit it", "PATCH", f"notifications/{NEW}", {**FULL, "title": None}),
            _provider("edit it again", "PATCH", f"notifications/{NEW}", {"title": "Now"}),
            _provider("submit", "POST", f"notifications/{NEW}/submit"),
            _provider("cancel", "POST", f"notifications/{NEW}/cancel"),
            _provider("duplicate", "POST", f"notifications/{NEW}/duplicate"),
            _provider("delete", "DELETE", "notifications/draft"),
        ),
    )


def _refusals() -> Story:
    by_template = {"id": "pending-edited", "template": "no-source", "revision": 2}
    return Story(
        "refusals",
        (*ACME, f"{N}/pending"),
        (
            _moderator("reject", "reject", id="pending", comment=" Too loud "),
            _moderator("by a template", "reject", **by_template),
            _moderator("extend a claim", "claim", "second moderator", id="pending-claimed"),
            _moderator("approve one's own", "approve", "second moderator", id="pending-claimed"),
            _provider("cancel an endorsed one", "POST", "notifications/pending-endorsed/cancel"),
            _provider("edit a plain one", "PATCH", "notifications/pending-plain", {"body": "New"}),
        ),
    )


def _admin() -> Story:
    to_admin = {**PLAIN, "targetSegment": {"hwid": "Admin-1"}}
    key = {"Idempotency-Key": "admin"}
    return Story(
        "admin",
        (*ACME, "devices/Admin-1"),
        (
            _provider("create", "POST", "notifications", to_admin, headers=key),
            _provider("again", "POST", "notifications", to_admin, headers=key),
            TASKS,
        ),
    )


def _ends() -> Story:
    reason = {"reason": "wrong price"}
    return Story(
        "ends",
        (*ACME, *DEVICES, "providers/p2", "domains/other", f"{N}/sending", f"{N}/other-sending"),
        (
            _operator("the stop switch", "PUT", "stop", {"stopped": True, "reason": "flood"}),
            _plan("sending-new", "plan while stopped"),
            Step(
                "send while stopped",
                "send-batch",
                caller="Google",
                body={"notificationId": "sending", "batchId": "0000-00-00000"},
            ),
            _operator("go on", "PUT", "stop", {"stopped": False}),
            _provider("stop", "POST", "notifications/sending/stop", reason),
            _operator("take the domain", "PUT", "domains/example.com", {"isVerified": False}),
            TASKS,
            _operator("halt another's", "POST", "notifications/other-sending/stop", reason),
            _plan("other-sending", "plan what was halted"),
            TICK,
        ),
    )


def _failures() -> Story:
    nowhere = {**PLAIN, "targetSegment": {"hwid": "none"}}
    return Story(
        "failures",
        (*ACME, "devices/phone", f"{N}/sending-new", f"{N}/pending-plain"),
        (
            _provider("create for nobody", "POST", "notifications", nowhere),
            _moderator("approve", "approve", id=NEW),
            _plan(NEW, "nobody is there"),
            _operator("premium ends", "PUT", "providers/p1", {"isPremium": False}),
            _plan("sending-new", "premium has lapsed"),
            _operator("premium again", "PUT", "providers/p1", {"isPremium": True}),
            _moderator("approve another", "approve", id="pending-plain"),
            _operator("the domain is gone", "DELETE", "domains/example.com"),
            _plan("pending-plain", "no domain is left"),
        ),
    )


def _devices() -> Story:
    secret = "a-secret-the-device-made-by-itself-0123"
    mine = {"Authorization": f"Bearer {secret}"}
    desktop = {
        "hwid": "Стол-7",
        "platform": "linux",
        "locale": "ru_BY",
        "timeZone": "Europe/Minsk",
        "appVersion": "2.5.6",
        "domains": ["Example.com", "bücher.example"],
        "deviceSecret": secret,
    }
    fcm = {"kind": "fcm", "value": "token-phone-2"}
    phone = {**desktop, "hwid": "new-phone", "platform": "android", "pushAddress": fcm}
    fewer = {"hwid": "new-phone", "platform": "android", "domains": ["example.com"]}
    apns = {"kind": "apns", "value": "cd" * 32, "environment": "sandbox"}

    def device(does: str, method: str, path: str, body: object = None, **more: Any) -> Step:
        return Step(does, "device-api", method, f"/v1/devices{path}", "nobody", body, **more)

    return Story(
        "devices",
        DEVICES,
        (
            device("register a desktop", "POST", "", desktop),
            device("register a phone with another's address", "POST", "", phone),
            device("refresh with less", "POST", "", fewer, headers=mine),
            device("another address", "POST", "/new-phone/token", apns, headers=mine),
            device("no consent", "POST", "/new-phone/consent", {"consent": False}, headers=mine),
            device("an address without consent", "POST", "/new-phone/token", fcm, headers=mine),
            device("consent", "POST", "/new-phone/consent", {"consent": True}, headers=mine),
            device("delete", "DELETE", "/new-phone", headers=mine),
            Step("bare is written", "on-device-written", caller="Google", written="devices/bare"),
            Step("odd is written", "on-device-written", caller="Google", written="devices/odd"),
            _operator("reset", "POST", "devices/phone-1/reset"),
            _operator("reset without consent", "POST", "devices/phone-no/reset"),
        ),
    )


def _administration() -> Story:
    account = {
        "isPremium": True,
        "plan": "enterprise",
        "limits": {"drafts": 3},
        "members": ["anna"],
    }
    lists = {"adminHwids": ["Admin-1", "Admin-2"], "deepLinkSchemes": ["acme", "acme-app"]}
    new = {"providerId": "p1", "isVerified": True}
    person = {"telegramUserId": 7003, "name": "Anna", "email": "anna@example.com"}
    policy = {"slaSeconds": 7200, "templates": [{"id": "no", "title": "No", "comment": "No."}]}
    return Story(
        "administration",
        ("providers/", "domains/", "platform/", "moderators/", "apiKeys/"),
        (
            _operator("a new provider", "PUT", "providers/p9", account),
            _operator("one field", "PUT", "providers/p1", {"name": "Acme Inc."}),
            _operator("mend odd fields", "PUT", "providers/odd", {"members": ["anna"]}),
            _provider("admin HWIDs", "PATCH", "domains/example.com", lists),
            _operator("a new domain", "PUT", "domains/new.example", new),
            _operator("to another provider", "PUT", "domains/example.com", {"providerId": "p2"}),
            _operator("delete a domain", "DELETE", "domains/new.example"),
            _provider("a new key", "POST", "keys", {"name": "server"}),
            _operator("a policy", "PUT", "moderation", policy),
            _operator("a moderator", "PUT", "moderators/anna", person),
            _operator("no moderator any more", "DELETE", "moderators/m1"),
            _operator("stop", "PUT", "stop", {"stopped": True, "reason": "flood"}),
        ),
    )


def _chat() -> Story:
    room = {"id": ROOM, "type": "supergroup"}
    bot = {"id": 4242, "is_bot": True, "first_name": "Fanfare"}
    mira = {"id": 7001, "is_bot": False, "first_name": "Mira"}
    agreed = {"X-Telegram-Bot-Api-Secret-Token": TELEGRAM_SECRET}

    def update(does: str, **body: Any) -> Step:
        return Step(does, "telegram-webhook", caller="nobody", body=body, headers=agreed)

    def pressed(does: str, number: int, data: str, message: int) -> Step:
        place = {"message_id": message, "date": 0, "chat": room}
        query = {"id": "q", "from": mira, "message": place, "chat_instance": "1", "data": data}
        return update(does, update_id=number, callback_query=query)

    asked = {"message_id": 1002, "from": bot, "chat": room, "date": 0, "text": "Why?"}
    reply: Mapping[str, Any] = {
        "message_id": 99,
        "from": mira,
        "chat": room,
        "date": 0,
        "text": "No source.",
        "reply_to_message": asked,
    }
    return Story(
        "chat",
        (*ACME, f"{N}/pending-plain", f"{N}/pending-edited", "domainHistory/"),
        tuple(_chat_steps(pressed, update, reply)),
        chat=True,
    )


def _chat_steps(pressed: Any, update: Any, reply: Mapping[str, Any]) -> Iterator[Step]:
    yield _written("pending-plain")
    yield pressed("why not", 1, "r:pending-plain:1", 1001)
    yield update("because", update_id=2, message=reply)
    yield _written("pending-plain")
    yield _written("pending-edited")
    yield pressed("yes", 3, "a:pending-edited:2", 1003)
    yield _written("pending-edited")
    yield TICK
