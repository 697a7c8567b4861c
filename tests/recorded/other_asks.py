"""What is asked of the devices', operators' and moderators' doors, and of those of the services."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.recorded.asking import Ask
from tests.recorded.entrances.doors import DEVICE_SECRET, ROOM, TELEGRAM_SECRET, event
from tests.recorded.provider_asks import OWN_KEY

SERVICE = "POST /"
STORED = "pendingNotifications"


# ---- device-api ------------------------------------------------------------------------------

REGISTER = "POST /v1/devices"
A_DEVICE = {
    "hwid": "Стол №7",
    "platform": "linux",
    "locale": "ru_RU.UTF-8",
    "timeZone": "Europe/Minsk",
    "appVersion": "2.5.6",
    "domains": ["Example.com", "example.com"],
}
CHOSEN = "a-secret-the-device-made-by-itself-0123"
FCM = {"kind": "fcm", "value": "token-new"}


def of_devices() -> Iterator[Ask]:
    """List the requests to ``device-api``."""
    h1 = {**A_DEVICE, "hwid": "h1"}
    mine = {"Authorization": f"Bearer {DEVICE_SECRET}"}
    yield Ask("register: a desktop", REGISTER, "nobody", body=A_DEVICE)
    chosen = {**A_DEVICE, "deviceSecret": CHOSEN, "consent": False}
    yield Ask("register: with a secret of its own", REGISTER, "nobody", body=chosen)
    again = [Ask("", REGISTER, "nobody", body=chosen)]
    yield Ask("register: the same again", REGISTER, "nobody", body=chosen, first=again)
    phone = {**A_DEVICE, "hwid": "new", "platform": "android", "pushAddress": FCM}
    yield Ask("register: a phone", REGISTER, "nobody", body=phone)
    lost = {**phone, "hwid": "phone-1", "pushAddress": {"kind": "fcm", "value": "token-phone-1"}}
    yield Ask("register: by its push address", REGISTER, "nobody", body=lost)
    yield Ask("register: refresh", REGISTER, "device", body=h1)
    few = {"hwid": "h1", "platform": "linux", "domains": ["example.com"]}
    yield Ask("register: refresh with little", REGISTER, "device", body=few)
    yield Ask("register: not proven", REGISTER, "nobody", body=h1)
    yield Ask("register: with a wrong secret", REGISTER, "another device", body=h1)
    wrong = {
        "hwid": "a/b",
        "platform": "symbian",
        "domains": ["https://a.example", "a..b", 7],
        "locale": 5,
        "timeZone": ["UTC"],
        "appVersion": "a\u0000b",
        "pushAddress": {"kind": "icq", "value": "a b", "environment": "test", "topic": "x"},
        "consent": "yes",
        "deviceSecret": "short",
        "colour": "red",
    }
    yield Ask("register: everything is wrong", REGISTER, "nobody", body=wrong)
    yield Ask("register: nothing is given", REGISTER, "nobody", body={})
    nowhere = {**A_DEVICE, "domains": []}
    yield Ask("register: on no domain", REGISTER, "nobody", body=nowhere)
    yield Ask("register: no JSON", REGISTER, "nobody", raw=b"{")

    address, consent = "POST /v1/devices/{hwid}/token", "POST /v1/devices/{hwid}/consent"
    pending, delete = "GET /v1/devices/{hwid}/pending", "DELETE /v1/devices/{hwid}"
    yield Ask("address: a new one", address, "device", body=FCM)
    apns = {"kind": "apns", "value": "ab" * 32, "environment": "sandbox"}
    yield Ask("address: with its ID token", address, "device's ID token", body=apns)
    yield Ask("address: everything is wrong", address, "device", body=wrong["pushAddress"])
    yield Ask("address: nothing is given", address, "device", body={})
    gone = {"devices/h1": None}
    yield Ask("address: of none", address, "device", body=FCM, documents=gone)
    yield Ask("consent: withdrawn", consent, "device", body={"consent": False})
    yield Ask("consent: given", consent, "device", body={"consent": True})
    yield Ask("consent: wrong", consent, "device", body={"consent": "no", "why": "x"})
    yield Ask("consent: of none", consent, "device", body={"consent": True}, documents=gone)
    yield Ask("pending: full", pending, "device")
    yield Ask("pending: with its ID token", pending, "device's ID token")
    past = {
        "devices/h1": {"pendingNotificationExpiresAt": {"timestampValue": "2026-01-01T11:00:00Z"}}
    }
    yield Ask("pending: expired", pending, "device", documents=past)
    bare = [
        f"pendingNotification{name}" for name in ("Url", "UrlButtonName", "ForceTimer", "Image")
    ]
    yield Ask(
        "pending: with little", pending, "device", documents={"devices/h1": dict.fromkeys(bare)}
    )
    odd = {
        "devices/h1": {
            "pendingNotificationTitle": {"integerValue": "7"},
            bare[2]: {"stringValue": "5"},
        }
    }
    yield Ask("pending: with odd fields", pending, "device", documents=odd)
    empty = {"devices/h1": {"pendingNotificationAt": None}}
    yield Ask("pending: empty", pending, "device", documents=empty)
    yield Ask("pending: of none", pending, "device", documents=gone)
    yield Ask("pending: of another", pending, "device", path="/v1/devices/phone-1/pending")
    yield Ask("pending: no hwid", pending, "device", path="/v1/devices/__x__/pending")
    yield Ask("pending: with a query", pending, "device", path="/v1/devices/h1/pending?x=1")
    older = {"deviceSecrets/h1": {"generation": {"stringValue": "a-later-one"}}}
    yield Ask("pending: of an earlier generation", pending, "device's ID token", documents=older)
    yield Ask("delete", delete, "device")
    yield Ask("delete: of none", delete, "device", documents=gone)
    yield Ask("delete: no hwid", delete, "device", path="/v1/devices/__x__")
    yield Ask("no such path", pending, "device", path="/v1/devices/h1/slot")
    yield Ask("no such method", "PUT /v1/devices", "device", body={})
    panel = {"Origin": "https://panel.example", **mine}
    yield Ask("a page of the panel", pending, "nobody", headers=panel)
    for caller in ("owner", "API key", "moderator", "operator", "Google", "expired", "forged"):
        yield Ask(f"pending: as {caller}", pending, caller)


# ---- operator-api ----------------------------------------------------------------------------


def of_operators() -> Iterator[Ask]:
    """List the requests to ``operator-api``."""
    by = "operator"
    provider = "GET /v1/providers/{uid}"
    yield Ask("provider", provider, by)
    yield Ask("provider: with odd fields", provider, by, path="/v1/providers/odd")
    yield Ask("provider: none", provider, by, path="/v1/providers/none")
    put = "PUT /v1/providers/{uid}"
    everything = {
        "email": "new@example.com",
        "name": " Acme Inc. ",
        "isPremium": True,
        "plan": "premium",
        "limits": {"pendingAtOnce": 3, "devicesPerMinute": 600},
        "members": ["anna", "bo@example.com"],
    }
    yield Ask("provider: everything", put, by, body=everything)
    yield Ask("provider: a new one", put, by, path="/v1/providers/p9", body={"isPremium": True})
    yield Ask("provider: mends odd fields", put, by, path="/v1/providers/odd", body=everything)
    yield Ask(
        "provider: leaves odd fields", put, by, path="/v1/providers/odd", body={"name": "Odd"}
    )
    yield Ask("provider: nothing", put, by, body={})
    wrong = {
        "email": "nobody",
        "name": "x" * 201,
        "isPremium": "yes",
        "plan": "free",
        "limits": {"pendingAtOnce": -1, "devicesPerMinute": 0, "drafts": 10_001, "sms": 7},
        "members": [" ", 5, "x" * 321],
        "uid": "p2",
    }
    yield Ask("provider: everything is wrong", put, by, body=wrong)
    keys = "GET /v1/providers/{uid}/keys"
    yield Ask("keys", keys, by)
    yield Ask("keys: of none", keys, by, path="/v1/providers/none/keys")
    delete_key = "DELETE /v1/providers/{uid}/keys/{id}"
    yield Ask("delete a key", delete_key, by, path=f"/v1/providers/p1/keys/{OWN_KEY}")
    yield Ask("delete a key: of another", delete_key, by, path=f"/v1/providers/p2/keys/{OWN_KEY}")
    yield Ask("delete a key: none", delete_key, by, path="/v1/providers/p1/keys/none")

    domain, at = "GET /v1/domains/{domain}", "/v1/domains/{}"
    yield Ask("domain", domain, by)
    yield Ask("domain: by another form", domain, by, path=at.format("EXAMPLE.com."))
    yield Ask("domain: none", domain, by, path=at.format("none.example"))
    yield Ask("domain: no domain", domain, by, path=at.format("a..b"))
    change = "PUT /v1/domains/{domain}"
    new = {"providerId": "p1", "isVerified": True, "adminHwids": ["A"], "deepLinkSchemes": ["acme"]}
    yield Ask("domain: a new one", change, by, path=at.format("new.example"), body=new)
    moved = {"providerId": "p2"}
    yield Ask("domain: to another provider", change, by, body=moved)
    yield Ask("domain: to another with devices", change, by, body={**moved, "adminHwids": ["B"]})
    yield Ask("domain: not verified any more", change, by, body={"isVerified": False})
    yield Ask("domain: nothing", change, by, body={})
    yield Ask("domain: of nobody", change, by, path=at.format("new.example"), body={})
    yield Ask("domain: of an unknown provider", change, by, body={"providerId": "none"})
    yield Ask("domain: changed, no domain", change, by, path=at.format("a..b"), body=new)
    wrong_domain = {
        "providerId": 7,
        "isVerified": 1,
        "adminHwids": "Admin-1",
        "deepLinkSchemes": ["https"],
        "domain": "x",
    }
    yield Ask("domain: everything is wrong", change, by, body=wrong_domain)
    yield Ask("domain: delete", "DELETE /v1/domains/{domain}", by)
    gone = at.format("none.example")
    yield Ask("domain: delete none", "DELETE /v1/domains/{domain}", by, path=gone)
    no_domain = at.format("a..b")
    yield Ask("domain: delete, no domain", "DELETE /v1/domains/{domain}", by, path=no_domain)
    history = "GET /v1/domains/{domain}/history"
    yield Ask("history", history, by)
    long_ago = at.format("example.com") + "/history?days=2"
    yield Ask("history: of some days", history, by, path=long_ago)
    yield Ask("history: of none", history, by, path=gone + "/history")
    yield Ask("history: no domain", history, by, path=no_domain + "/history")
    bad = at.format("example.com") + "/history?days=0&since=x"
    yield Ask("history: everything is wrong", history, by, path=bad)

    policy, put_policy = "GET /v1/moderation", "PUT /v1/moderation"
    yield Ask("policy", policy, by)
    yield Ask("policy: as delivered", policy, by, documents={"platform/moderation": None})
    template = {"id": "no", "title": "No", "comment": "Please no."}
    all_of_it = {"secondApprovalAbove": 0, "slaSeconds": 60, "templates": [template]}
    yield Ask("policy: everything", put_policy, by, body=all_of_it)
    yield Ask("policy: one thing", put_policy, by, body={"slaSeconds": 7200})
    twice = {"templates": [template, template]}
    yield Ask("policy: a template twice", put_policy, by, body=twice)
    wrong_policy = {
        "secondApprovalAbove": -1,
        "slaSeconds": 1,
        "templates": [{"id": "A B", "title": "", "comment": None, "x": 1}, 5],
        "mode": "off",
    }
    yield Ask("policy: everything is wrong", put_policy, by, body=wrong_policy)

    moderator, uid = "PUT /v1/moderators/{uid}", "/v1/moderators/{}"
    anna = uid.format("anna")
    known = {"telegramUserId": 7003, "name": "Anna", "email": "anna@example.com"}
    yield Ask("moderator: a new one", moderator, by, path=anna, body=known)
    yield Ask("moderator: without anything", moderator, by, path=anna)
    yield Ask(
        "moderator: one thing", moderator, by, path=uid.format("m1"), body={"name": "Mira B."}
    )
    yield Ask("moderator: of no account", moderator, by, path=uid.format("none"), body=known)
    taken = {**known, "telegramUserId": 7001}
    yield Ask("moderator: with another's chat", moderator, by, path=anna, body=taken)
    wrong_moderator = {"telegramUserId": 0, "name": 5, "email": "x", "role": "boss"}
    yield Ask("moderator: everything is wrong", moderator, by, path=anna, body=wrong_moderator)
    remove = "DELETE /v1/moderators/{uid}"
    yield Ask("moderator: removed", remove, by, path=uid.format("m1"))
    yield Ask("moderator: remove none", remove, by, path=uid.format("none"))

    stop, turn = "GET /v1/stop", "PUT /v1/stop"
    yield Ask("stop", stop, by)
    yield Ask("stop: accounts are away", stop, by, accounts=False)
    yield Ask("stop: while on", stop, by, first=[Ask("", turn, by, body={"stopped": True})])
    yield Ask("stop: turned on", turn, by, body={"stopped": True, "reason": "flood"})
    yield Ask("stop: turned off", turn, by, body={"stopped": False})
    yield Ask(
        "stop: everything is wrong", turn, by, body={"stopped": "yes", "reason": 7, "until": 1}
    )
    yield Ask("stop: nothing is given", turn, by, body={})
    halt, path = "POST /v1/notifications/{id}/stop", "/v1/notifications/{}/stop"
    yield Ask("halt", halt, by, path=path.format("sending"), body={"reason": "asked to"})
    yield Ask("halt: without a reason", halt, by, path=path.format("other-sending"))
    yield Ask("halt: too early", halt, by)
    yield Ask("halt: none", halt, by, path=path.format("none"))
    long = {"reason": "x" * 501, "by": "me"}
    yield Ask("halt: everything is wrong", halt, by, path=path.format("sending"), body=long)
    reset = "POST /v1/devices/{hwid}/reset"
    yield Ask("reset", reset, by)
    yield Ask("reset: without consent", reset, by, path="/v1/devices/phone-no/reset")
    yield Ask("reset: none", reset, by, path="/v1/devices/none/reset")
    yield Ask("reset: no hwid", reset, by, path="/v1/devices/__x__/reset")
    yield Ask("no such path", stop, by, path="/v1/start")
    yield Ask("no such method", "POST /v1/stop", by, body={})
    origin = {"Origin": "https://panel.example"}
    yield Ask("a page of the panel", stop, by, headers=origin)
    yield Ask("a preflight", "OPTIONS /v1/stop", "nobody", headers=origin)
    for caller in ("owner", "API key", "moderator", "device", "Google", "expired", "forged"):
        yield Ask(f"stop: as {caller}", stop, caller)


# ---- the moderators' callables ---------------------------------------------------------------


def of_moderators(function: str) -> Iterator[Ask]:
    """List the requests to a callable: its own, and those that all of them get."""
    own = {
        "moderation-queue": _queue,
        "claim-notification": _claim,
        "release-notification": _release,
        "approve-notification": _approve,
        "reject-notification": _reject,
        "moderation-stats": _stats,
    }[function]
    yield from own()
    for caller in ("owner", "API key", "operator", "device", "Google", "expired", "forged", "m9"):
        yield Ask(f"as {caller}", SERVICE, caller, body={"data": {}})
    removed = {"moderators/m1": {"removed": {"booleanValue": True}}}
    only_removed = {
        "moderators/m1": {
            **dict.fromkeys(("at", "name", "email", "telegramUserId")),
            **removed["moderators/m1"],
        }
    }
    yield Ask(
        "no moderator any more", SERVICE, "moderator", body={"data": {}}, documents=only_removed
    )
    yield Ask("accounts are away", SERVICE, "moderator", body={"data": {}}, accounts=False)
    yield Ask("no JSON", SERVICE, "moderator", raw=b"{")
    yield Ask("no envelope", SERVICE, "moderator", body={"id": "pending"})
    yield Ask("data is a list", SERVICE, "moderator", body={"data": []})
    wrapped = {"@type": "type.googleapis.com/google.protobuf.Int64Value", "value": "x"}
    yield Ask("a number that is none", SERVICE, "moderator", body={"data": {"revision": wrapped}})
    yield Ask("with GET", "GET /", "moderator")
    text = {"Content-Type": "text/plain"}
    yield Ask("not as JSON", SERVICE, "moderator", raw=b'{"data":{}}', headers=text)
    panel = {"Origin": "https://console.example"}
    yield Ask("a preflight", "OPTIONS /", "nobody", headers=panel)
    yield Ask("a page of the panel", SERVICE, "nobody", body={"data": {}}, headers=panel)


def _saying(about: str, caller: str = "moderator", /, **data: Any) -> Ask:
    return Ask(about, SERVICE, caller, body={"data": data})


def _with(ask: Ask, **more: Any) -> Ask:
    return Ask(ask.about, ask.endpoint, ask.caller, body=ask.body, **more)


def _queue() -> Iterator[Ask]:
    yield _saying("the queue")
    yield Ask("the queue, asked with null", SERVICE, "moderator", body={"data": None})
    yield _saying("a page", pageSize=1)
    yield _saying("those with warnings", severity="warning", q="SUMMER", providerId="p1")
    yield _saying("those that are claimed", "second moderator", claimed="mine")
    yield _saying("those of others", claimed="others")
    yield _saying("of another provider", providerId="p2", claimed="free")
    wrong = {
        "providerId": 7,
        "severity": "bad",
        "claimed": "all",
        "q": "x" * 201,
        "pageSize": 101,
        "pageToken": 5,
        "page": 1,
    }
    yield _saying("everything is wrong", **wrong)
    yield _saying("a token that is none", pageToken="bm9uZQ")
    search = [_saying("", q="sale")] * 120
    yield _with(_saying("searched too often", q="sale"), first=search)


def _claim() -> Iterator[Ask]:
    yield _saying("claimed", id="pending")
    yield _saying("claimed again", "second moderator", id="pending-claimed")
    yield _saying("claimed by another", id="pending-claimed")
    yield _saying("too late", id="approved")
    yield _saying("none", id="none")
    yield _saying("everything is wrong", id="a/b", revision=1)
    yield _saying("nothing is given")
    own = {"providers/p1": {"members": {"arrayValue": {"values": [{"stringValue": "m1"}]}}}}
    yield _with(_saying("one's own provider", id="pending"), documents=own)
    spoilt = {"pendingNotifications/pending": {"createdAt": {"stringValue": "yesterday"}}}
    yield _with(_saying("cannot be read", id="pending"), documents=spoilt)


def _release() -> Iterator[Ask]:
    yield _saying("released", "second moderator", id="pending-claimed")
    yield _saying("nobody has it", id="pending")
    yield _saying("another has it", id="pending-claimed")
    yield _saying("too late", id="approved")
    yield _saying("none", id="none")
    yield _saying("everything is wrong", id=7, force=True)
    yield _saying("nothing is given")


def _approve() -> Iterator[Ask]:
    yield _saying("approved", id="pending", revision=1)
    number = {"@type": "type.googleapis.com/google.protobuf.Int64Value", "value": "2"}
    yield _saying("approved, with a wrapped number", id="pending-edited", revision=number)
    low = {"platform/moderation": {"secondApprovalAbove": {"integerValue": "2"}}}
    yield _with(_saying("the first of two", id="pending"), documents=low)
    yield _with(
        _saying("the second of two", "second moderator", id="pending-endorsed"), documents=low
    )
    yield _with(_saying("twice by the same", id="pending-endorsed"), documents=low)
    yield _saying("without a revision", id="pending-edited")
    yield _saying("of an older revision", id="pending-edited", revision=1)
    yield _saying("cancelled meanwhile", id="cancelled")
    yield _saying("too late", id="sending")
    yield _saying("claimed by another", id="pending-claimed")
    yield _saying("none", id="none")
    yield _saying("everything is wrong", id="", revision=0, comment="yes")
    yield _saying("nothing is given")
    own = {"providers/p1": {"email": {"stringValue": "M1@example.com"}}}
    yield _with(_saying("one's own provider", id="pending"), documents=own)


def _reject() -> Iterator[Ask]:
    yield _saying("rejected", id="pending", comment=" Too loud ", revision=1)
    yield _saying("by a template", id="pending", template="no-source")
    yield _saying(
        "by a template and a comment", id="pending", template="too-loud", comment="Thanks."
    )
    yield _saying("an unknown template", id="pending", template="none")
    yield _saying("without a comment", id="pending")
    yield _saying("a blank comment", id="pending", comment=" \n ")
    yield _saying("of an older revision", id="pending-edited", comment="no", revision=1)
    yield _saying("without a revision", id="pending-edited", comment="no")
    yield _saying("cancelled meanwhile", id="cancelled", comment="no")
    yield _saying("too late", id="rejected", comment="no")
    yield _saying("claimed by another", id="pending-claimed", comment="no")
    yield _saying("none", id="none", comment="no")
    own = {"providers/p1": {"email": {"stringValue": "m1@example.com"}}}
    yield _with(_saying("one's own provider", id="pending", comment="no"), documents=own)
    wrong = {"id": "a b", "comment": "x" * 1001, "template": "A B", "revision": "1", "why": 1}
    yield _saying("everything is wrong", **wrong)
    yield _saying("nothing is given")


def _stats() -> Iterator[Ask]:
    yield _saying("of a month")
    yield _saying("of a day", days=1)
    yield _saying("everything is wrong", days=0, moderator="m1")


# ---- the services' doors ---------------------------------------------------------------------


def of_service(function: str) -> Iterator[Ask]:
    """List the requests to a door that Google or Telegram calls."""
    own = {
        "plan-fanout": _plan,
        "send-batch": _send,
        "export-events": _export,
        "tick": _tick,
        "on-notification-written": _notification_written,
        "on-device-written": _device_written,
        "telegram-webhook": _telegram,
    }[function]
    yield from own()
    for caller in ("nobody", "owner", "operator", "device", "forged"):
        yield Ask(f"as {caller}", SERVICE, caller, body={})


def _task(about: str, /, **more: Any) -> Ask:
    body = {
        name: more.pop(name)
        for name in ("notificationId", "part", "batchId", "day")
        if name in more
    }
    return Ask(about, SERVICE, "Google", body=body, **more)


def _plan() -> Iterator[Ask]:
    yield _task("planned", notificationId="sending-new")
    yield _task("planned, for one provider's few", notificationId="other-sending")
    yield _task("planned again", notificationId="sending")
    yield _task("a part", notificationId="sending", part=0)
    yield _task("a part that is none", notificationId="sending", part=7)
    yield _task("not to be sent", notificationId="pending")
    yield _task("none", notificationId="none")
    premium = {"providers/p1": {"isPremium": {"booleanValue": False}}}
    yield _task("premium has lapsed", notificationId="sending-new", documents=premium)
    yield _task("everything is wrong", notificationId="", part="x", batchId="b")
    yield Ask("no JSON", SERVICE, "Google", raw=b"{")


def _send() -> Iterator[Ask]:
    batch = "0000-00-00000"
    yield _task("sent", notificationId="sending", batchId=batch)
    yield _task("sent already", notificationId="approved", batchId=batch)
    yield _task("no such batch", notificationId="sending", batchId="0001-00-00000")
    yield _task("none", notificationId="none", batchId=batch)
    leased = {
        f"{STORED}/sending/batches/{batch}": {
            "leaseOwner": {"stringValue": "another"},
            "leaseUntil": {"timestampValue": "2026-01-01T12:01:30Z"},
        }
    }
    yield _task("held by another", notificationId="sending", batchId=batch, documents=leased)
    on = {"platform/stop": {"on": {"booleanValue": True}}}
    yield _task(
        "while the platform is stopped", notificationId="sending", batchId=batch, documents=on
    )
    yield _task("everything is wrong", notificationId="", day="x")


def _export() -> Iterator[Ask]:
    yield _task("exported", notificationId="approved", archive=True)
    yield _task("not ended", notificationId="sending", archive=True)
    yield _task("none", notificationId="none", archive=True)
    yield _task("a day without anything", day="2025-12-31", archive=True)
    yield _task("neither", archive=True)
    yield _task("everything is wrong", notificationId=7, day="yesterday", archive=True)
    yield _task("without an archive", notificationId="approved")


def _tick() -> Iterator[Ask]:
    yield _task("a tick")
    yield _task("a tick with an archive", archive=True)
    yield _task("a tick with a chat", chat=True)
    late = {f"{STORED}/sending": {"wakeAt": {"timestampValue": "2026-01-01T11:00:00Z"}}}
    yield _task("something is stuck", documents=late)
    reminded = {"platform/moderationReminder": {"at": {"timestampValue": "2026-01-01T11:59:00Z"}}}
    yield _task("reminded already", documents=reminded)


def _written(about: str, path: str, fields: Mapping[str, Any] | None = None, **more: Any) -> Ask:
    return Ask(about, SERVICE, "Google", event=event(path, fields or {}), **more)


def _notification_written() -> Iterator[Ask]:
    yield _written("to be sent", f"{STORED}/sending-new")
    yield _written("planned already", f"{STORED}/sending")
    yield _written("pending, with a chat", f"{STORED}/pending", chat=True)
    yield _written("endorsed, with a chat", f"{STORED}/pending-endorsed", chat=True)
    yield _written("rejected, with a chat", f"{STORED}/rejected", chat=True)
    yield _written("a draft, with a chat", f"{STORED}/draft", chat=True)
    yield _written("deleted", f"{STORED}/none")
    yield _written("of another collection", "providers/p1")


def _device_written() -> Iterator[Ask]:
    yield _written("by an existing back end", "devices/bare")
    yield _written("with odd fields", "devices/odd")
    yield _written("gone", "devices/none")
    yield _written("of another collection", "providers/p1")


def _telegram() -> Iterator[Ask]:
    room = {"id": ROOM, "type": "supergroup"}
    message = {"message_id": 5, "date": 0, "chat": room}
    bot = {"id": 4242, "is_bot": True, "first_name": "Fanfare"}
    agreed = {"X-Telegram-Bot-Api-Secret-Token": TELEGRAM_SECRET}

    def pressed(about: str, data: str, user: int = 7001, **more: Any) -> Ask:
        sender = {"id": user, "is_bot": False, "first_name": "M"}
        query = {"id": "q", "from": sender, "message": message, "chat_instance": "1", "data": data}
        body = {"update_id": 1, "callback_query": query}
        options: Any = {"headers": agreed, "chat": True} | more
        return Ask(about, SERVICE, "nobody", body=body, **options)

    post = {
        "moderationPosts/pending": {
            "room": {"integerValue": str(ROOM)},
            "message": {"integerValue": "5"},
            "shows": {"integerValue": "1"},
        }
    }
    yield pressed("approved", "a:pending:1", documents=post)
    yield pressed("asked why", "r:pending:1", documents=post)
    yield pressed("of an older revision", "a:pending-edited:1", documents=post)
    yield pressed("too late", "a:cancelled:1", documents=post)
    yield pressed("a stranger", "a:pending:1", 7999, documents=post)
    yield pressed("words that are none", "x:y", documents=post)
    prompt = {
        "moderationPrompts/-1001_77": {
            "room": {"integerValue": str(ROOM)},
            "message": {"integerValue": "77"},
            "notificationId": {"stringValue": "pending"},
            "revision": {"integerValue": "1"},
            "moderatorId": {"stringValue": "m1"},
            "expireAt": {"timestampValue": "2026-01-02T12:00:00Z"},
        }
    }
    reply = {
        "message_id": 99,
        "from": {"id": 7001, "is_bot": False, "first_name": "M"},
        "chat": room,
        "date": 0,
        "text": "No source.",
        "reply_to_message": {
            "message_id": 77,
            "from": bot,
            "chat": room,
            "date": 0,
            "text": "Why?",
        },
    }
    answer = {"update_id": 2, "message": reply}
    both = {**post, **prompt}
    told: Mapping[str, Any] = {"headers": agreed, "chat": True, "documents": both}
    yield Ask("said why", SERVICE, "nobody", body=answer, **told)
    chatter = {"update_id": 3, "message": {"message_id": 9, "chat": room, "text": "hi"}}
    yield Ask("somebody chats", SERVICE, "nobody", body=chatter, headers=agreed, chat=True)
    kind = {"update_id": 4, "message": {"message_id": "x"}}
    yield Ask("of a shape we do not know", SERVICE, "nobody", body=kind, headers=agreed, chat=True)
    yield Ask("no update", SERVICE, "nobody", body={}, headers=agreed, chat=True)
    yield Ask("no JSON", SERVICE, "nobody", raw=b"{", headers=agreed, chat=True)
    yield pressed("a wrong secret", "a:pending:1", headers={"X-Telegram-Bot-Api-Secret-Token": "x"})
    yield pressed("without a bot", "a:pending:1", chat=False)
    yield Ask("with GET", "GET /", "nobody", headers=agreed, chat=True)
