"""What is asked of ``provider-api``."""

from collections.abc import Iterator
from typing import Any

from tests.recorded.asking import Ask

CREATE = "POST /v1/notifications"
LIST = "GET /v1/notifications"
READ = "GET /v1/notifications/{id}"
EDIT = "PATCH /v1/notifications/{id}"
DELETE = "DELETE /v1/notifications/{id}"
SUBMIT = "POST /v1/notifications/{id}/submit"
CANCEL = "POST /v1/notifications/{id}/cancel"
STOP = "POST /v1/notifications/{id}/stop"
DUPLICATE = "POST /v1/notifications/{id}/duplicate"
TEST = "POST /v1/notifications/{id}/test"
STATS = "GET /v1/notifications/{id}/stats"
EXPLAIN = "GET /v1/notifications/{id}/devices/{hwid}"
ESTIMATE = "POST /v1/estimates"
KEYS = "/v1/keys"
OWN_KEY = "43060ba94b326c66da281ecf9c0e7a3a8224bed2e1c1265fb2330aabe1ac37e4"
PLAIN = {"title": "Sale", "body": "Everything must go", "targetSegment": {}}
FULL = {
    "title": "Sommerschlussverkauf 🎉",
    "body": "  Alles muss raus  ",
    "image": "https://cdn.example.com/sale.png",
    "url": "HTTPS://example.com/sale?from=push",
    "urlButtonName": "Ansehen",
    "forceTimer": 10,
    "expirySeconds": 60,
    "targetSegment": {
        "platform": "android",
        "region": ["DE", "en"],
        "domain": "Example.com",
        "activeDays": 30,
        "appVersion": "2.5.6",
    },
}
ALL_WRONG = {
    "title": "x" * 101,
    "body": "a\u0000b",
    "image": "http://example.com/a.png",
    "url": "javascript:alert(1)",
    "urlButtonName": 5,
    "forceTimer": 11,
    "expirySeconds": 59,
    "draft": 1,
    "subtitle": "no such field",
    "target_segment": {},
    "targetSegment": {
        "platform": "blackberry",
        "region": ["ru", "?", 7],
        "domain": "other.example",
        "activeDays": 0,
        "active_days": 3,
        "appVersion": 2.5,
        "hwid": "a/b",
    },
}
LAPSED = {"providers/p1": {"isPremium": {"booleanValue": False}}}
PREMIUM = {"providers/p1": {"plan": {"stringValue": "premium"}}}
NOTED = {
    "domains/example.com": {
        "adminHwidNotes": {
            "mapValue": {"fields": {"Admin-1": {"stringValue": "Anna's Pixel"}}},
        }
    }
}
NO_PROVIDER = {"providers/p1": None}
NO_DOMAIN = {"domains/example.com": {"isVerified": {"booleanValue": False}}}
MANY_DEVICES = {
    "usage/p1.adminDevices.2026-01-01": {
        "takers": {"arrayValue": {"values": [{"stringValue": f"device-{n}"} for n in range(20)]}}
    }
}


def limits(**most: int) -> dict[str, Any]:
    """Allow provider p1 no more than this."""
    fields = {name: {"integerValue": str(each)} for name, each in most.items()}
    return {"providers/p1": {"limits": {"mapValue": {"fields": fields}}}}


def texts(*values: str) -> Any:
    """Write a list of strings as Firestore does."""
    return {"arrayValue": {"values": [{"stringValue": value} for value in values]}}


def looked_at(id: str) -> dict[str, Any]:
    """Have another request look at a notification now."""
    lease = {
        "taker": {"stringValue": f"{id}/another-request"},
        "until": {"timestampValue": "2026-01-01T12:00:30Z"},
    }
    return {
        "usage/p1.looks": {"leases": {"arrayValue": {"values": [{"mapValue": {"fields": lease}}]}}}
    }


def at(template: str, **names: str) -> str:
    """Fill in the path of an endpoint."""
    return template.partition(" ")[2].format(**names)


def asks() -> Iterator[Ask]:
    """List all requests, by endpoint."""
    yield from _create()
    yield from _lists()
    yield from _one()
    yield from _moves()
    yield from _numbers()
    yield from _account()
    yield from _anything()


def _create() -> Iterator[Ask]:
    key = {"Idempotency-Key": "order-4711"}
    once = Ask("", CREATE, body=PLAIN, headers=key)
    yield Ask("create: to moderation", CREATE, body=PLAIN)
    yield Ask("create: with every field", CREATE, body=FULL)
    yield Ask("create: as a draft", CREATE, body={"draft": True, "title": "Later"})
    yield Ask("create: an empty draft", CREATE, body={"draft": True})
    yield Ask("create: nulls are left out", CREATE, body={**PLAIN, "image": None, "draft": None})
    yield Ask(
        "create: to an admin HWID", CREATE, body={**PLAIN, "targetSegment": {"hwid": "Admin-1"}}
    )
    yield Ask("create: with an API key", CREATE, "API key", body=PLAIN)
    odd_text = {
        **PLAIN,
        "title": "CLICK N0W!!! раypal",
        "url": "https://user@xn--pypal-4ve.com:8443/",
    }
    yield Ask("create: with findings", CREATE, body=odd_text)
    deep_link = {**PLAIN, "url": "acme://sale/7", "urlButtonName": ""}
    yield Ask("create: with a deep link", CREATE, body=deep_link)
    yield Ask("create: once under a key", CREATE, body=PLAIN, headers=key)
    yield Ask("create: again under the same key", CREATE, body=PLAIN, headers=key, first=[once])
    yield Ask("create: the key with another body", CREATE, body=FULL, headers=key, first=[once])
    begun = {
        "idempotencyKeys/7fc476c3e1816d7ef1fd71304a8251da4b8b2693e3581b1b9d8b91a52c0ac597": {
            "fingerprint": {
                "stringValue": "6a7a1fc0ceb18a71fb45732b17984dca975a4824f6a2ec0d75c4e2ef40d5ec28"
            },
            "notificationId": {"stringValue": "7fc476c3e1816d7ef1fd"},
            "createdAt": {"timestampValue": "2026-01-01T11:59:50Z"},
            "expireAt": {"timestampValue": "2026-01-08T11:59:50Z"},
        }
    }
    yield Ask(
        "create: the first is still handled", CREATE, body=PLAIN, headers=key, documents=begun
    )
    yield Ask("create: a key that is none", CREATE, body=PLAIN, headers={"Idempotency-Key": ""})
    yield Ask("create: everything is wrong", CREATE, body=ALL_WRONG)
    yield Ask("create: nothing is given", CREATE, body={})
    yield Ask("create: everything is null", CREATE, body=dict.fromkeys(FULL))
    blank = {"title": " ", "body": "\u200b", "targetSegment": {"hwid": ""}}
    yield Ask("create: blanks", CREATE, body=blank)
    yield Ask("create: a draft with faults", CREATE, body={**ALL_WRONG, "draft": True})
    unverified = {**PLAIN, "targetSegment": {"domain": "unverified.example"}}
    yield Ask("create: for an unverified domain", CREATE, body=unverified)
    yield Ask(
        "create: a timer without the plan",
        CREATE,
        body={**PLAIN, "forceTimer": 3},
        documents=PREMIUM,
    )
    yield Ask("create: without premium", CREATE, body=PLAIN, documents=LAPSED)
    yield Ask("create: without a verified domain", CREATE, body=PLAIN, documents=NO_DOMAIN)
    yield Ask("create: no provider any more", CREATE, body=PLAIN, documents=NO_PROVIDER)
    full = limits(pendingAtOnce=1)
    yield Ask("create: too many wait", CREATE, body=PLAIN, documents=full)
    yield Ask("create: too many today", CREATE, body=PLAIN, documents=limits(submissionsPerDay=0))
    admin = {**PLAIN, "targetSegment": {"hwid": "Admin-1"}}
    yield Ask(
        "create: too many to admins", CREATE, body=admin, documents=limits(adminSendsPerHour=0)
    )
    yield Ask("create: too many devices of admins", CREATE, body=admin, documents=MANY_DEVICES)
    yield Ask("create: too many drafts", CREATE, body={"draft": True}, documents=limits(drafts=1))
    fast = limits(draftsPerMinute=1)
    draft = Ask("", CREATE, body={"draft": True})
    yield Ask(
        "create: drafts too fast", CREATE, body={"draft": True}, documents=fast, first=[draft]
    )
    yield Ask("create: no JSON", CREATE, raw=b"{")
    yield Ask("create: an empty body", CREATE, raw=b"")
    yield Ask("create: a list", CREATE, raw=b"[]")
    yield Ask("create: a name twice", CREATE, raw=b'{"title":"a","title":"b"}')
    yield Ask("create: not a number", CREATE, raw=b'{"forceTimer":NaN}')
    yield Ask("create: too large", CREATE, raw=b'{"title":"' + b"x" * 70_000 + b'"}')
    latin = {"Content-Type": "application/json; charset=latin-1"}
    yield Ask("create: another charset", CREATE, raw=b"{}", headers=latin)
    yield Ask("create: a form", CREATE, raw=b"a=1", headers={"Content-Type": "text/plain"})
    yield Ask("create: packed", CREATE, raw=b"{}", headers={"Content-Encoding": "gzip"})


def _lists() -> Iterator[Ask]:
    path = "/v1/notifications"
    yield Ask("list: all", LIST)
    first = "?pageSize=2"
    yield Ask("list: a page", LIST, path=path + first)
    yield Ask("list: of a status", LIST, path=path + "?status=failed&kind=one-time")
    yield Ask("list: a search", LIST, path=path + "?q=only%20A&pageSize=5")
    yield Ask("list: nothing found", LIST, path=path + "?q=nowhere")
    yield Ask("list: another provider's", LIST, "other provider", path=path + first)
    wrong = "?status=lost&kind=standing&pageSize=0&pageToken=x&sort=up&q=%00&page_size=3"
    yield Ask("list: everything is wrong", LIST, path=path + wrong)
    yield Ask("list: a parameter twice", LIST, path=path + "?status=draft&status=draft")
    yield Ask("list: a token that is none", LIST, path=path + "?pageToken=bm9uZQ")
    slow = limits(searchesPerMinute=0)
    yield Ask("list: searched too often", LIST, path=path + "?q=sale", documents=slow)


STATUSES = (
    *("draft", "draft-part", "pending", "pending-edited", "pending-claimed", "pending-endorsed"),
    *("sending", "approved", "approved-admin", "rejected", "cancelled", "failed", "failed-link"),
    *("stopped",),
)


def _one() -> Iterator[Ask]:
    for id in STATUSES:
        yield Ask(f"read: {id}", READ, path=at(READ, id=id))
    yield Ask("read: another provider's", READ, path=at(READ, id="other-pending"))
    yield Ask("read: none", READ, path=at(READ, id="none"))
    yield Ask("read: no id", READ, path=at(READ, id="a%2Fb"))
    yield Ask("read: with a query", READ, path=at(READ, id="draft") + "?fields=title")
    spoilt = {"pendingNotifications/draft": {"createdAt": {"stringValue": "yesterday"}}}
    yield Ask("read: cannot be read", READ, path=at(READ, id="draft"), documents=spoilt)
    unknown = {"pendingNotifications/draft": {"status": {"stringValue": "lost"}}}
    yield Ask("read: of an unknown status", READ, path=at(READ, id="draft"), documents=unknown)
    old = {
        "pendingNotifications/approved": dict.fromkeys(
            ("revision", "findings", "lookedAt", "estimatedDevices", "endorsements", "errors")
        )
    }
    yield Ask("read: of an older version", READ, path=at(READ, id="approved"), documents=old)


def _moves() -> Iterator[Ask]:
    draft, sending = at(EDIT, id="draft"), at(EDIT, id="sending")
    yield Ask("edit: a draft", EDIT, path=draft, body={"title": "Better", "image": None})
    yield Ask("edit: what is pending", EDIT, body={"title": "Better"})
    yield Ask("edit: nothing", EDIT, body={})
    yield Ask("edit: another segment", EDIT, path=draft, body={"targetSegment": {"region": ["by"]}})
    yield Ask("edit: everything is wrong", EDIT, body=ALL_WRONG)
    yield Ask("edit: takes the title away", EDIT, body={"title": None})
    yield Ask("edit: too late", EDIT, path=sending, body={"title": "Better"})
    to_one = {"targetSegment": {"hwid": "Admin-1"}}
    yield Ask("edit: to an admin HWID", EDIT, body=to_one)
    yield Ask("edit: another provider's", EDIT, path=at(EDIT, id="other-pending"), body={})
    yield Ask("edit: none", EDIT, path=at(EDIT, id="none"), body={})
    yield Ask("edit: without premium", EDIT, body={"title": "Better"}, documents=LAPSED)
    today = limits(submissionsPerDay=0)
    yield Ask("edit: too many today", EDIT, body={"title": "Better"}, documents=today)
    better, timer = {"title": "Better"}, {"forceTimer": 3}
    yield Ask("edit: without a verified domain", EDIT, body=better, documents=NO_DOMAIN)
    yield Ask("edit: a timer without the plan", EDIT, path=draft, body=timer, documents=PREMIUM)
    yield Ask("edit: is looked at", EDIT, body=better, documents=looked_at("pending"))

    yield Ask("delete: a draft", DELETE, path=draft)
    yield Ask("delete: what is pending", DELETE)
    yield Ask("delete: none", DELETE, path=at(DELETE, id="none"))
    yield Ask("delete: another provider's", DELETE, path=at(DELETE, id="other-pending"))
    yield Ask("delete: with a body", DELETE, path=draft, body={"sure": True})

    yield Ask("submit: a draft", SUBMIT, path=at(SUBMIT, id="draft"))
    yield Ask("submit: to an admin HWID", SUBMIT, path=at(SUBMIT, id="draft-admin"))
    yield Ask("submit: incomplete", SUBMIT, path=at(SUBMIT, id="draft-part"))
    yield Ask("submit: twice", SUBMIT)
    yield Ask("submit: none", SUBMIT, path=at(SUBMIT, id="none"))
    yield Ask("submit: another provider's", SUBMIT, path=at(SUBMIT, id="other-pending"))
    waiting = limits(pendingAtOnce=2)
    yield Ask("submit: too many wait", SUBMIT, path=at(SUBMIT, id="draft"), documents=waiting)
    submitted, to_admin = at(SUBMIT, id="draft"), at(SUBMIT, id="draft-admin")
    yield Ask("submit: without premium", SUBMIT, path=submitted, documents=LAPSED)
    yield Ask("submit: without a verified domain", SUBMIT, path=submitted, documents=NO_DOMAIN)
    yield Ask("submit: a timer without the plan", SUBMIT, path=submitted, documents=PREMIUM)
    yield Ask("submit: is looked at", SUBMIT, path=submitted, documents=looked_at("draft"))
    yield Ask("submit: too many today", SUBMIT, path=submitted, documents=today)
    hour = limits(adminSendsPerHour=0)
    yield Ask("submit: too many to admins", SUBMIT, path=to_admin, documents=hour)
    yield Ask("submit: too many devices of admins", SUBMIT, path=to_admin, documents=MANY_DEVICES)

    yield Ask("cancel: what is pending", CANCEL)
    yield Ask("cancel: a claimed one", CANCEL, path=at(CANCEL, id="pending-claimed"))
    yield Ask("cancel: without being a provider", CANCEL, documents=NO_PROVIDER)
    yield Ask("cancel: too late", CANCEL, path=at(CANCEL, id="sending"))
    yield Ask("cancel: twice", CANCEL, path=at(CANCEL, id="cancelled"))
    yield Ask("cancel: none", CANCEL, path=at(CANCEL, id="none"))
    yield Ask("cancel: another provider's", CANCEL, path=at(CANCEL, id="other-pending"))

    stop, about = at(STOP, id="sending"), {"reason": "wrong price"}
    yield Ask("stop: what is being sent", STOP, path=stop, body=about)
    yield Ask("stop: without a reason", STOP, path=stop)
    yield Ask("stop: without being a provider", STOP, path=stop, documents=NO_PROVIDER)
    yield Ask("stop: a reason too long", STOP, path=stop, body={"reason": "x" * 501, "why": 1})
    yield Ask("stop: too early", STOP)
    yield Ask("stop: twice", STOP, path=at(STOP, id="stopped"))
    yield Ask("stop: none", STOP, path=at(STOP, id="none"))
    yield Ask("stop: another provider's", STOP, path=at(STOP, id="other-sending"))

    yield Ask("duplicate: what was sent", DUPLICATE, path=at(DUPLICATE, id="approved"))
    yield Ask("duplicate: none", DUPLICATE, path=at(DUPLICATE, id="none"))
    yield Ask("duplicate: another provider's", DUPLICATE, path=at(DUPLICATE, id="other-pending"))
    yield Ask("duplicate: too many drafts", DUPLICATE, documents=limits(drafts=0))
    yield Ask("duplicate: too fast", DUPLICATE, documents=limits(draftsPerMinute=0))
    yield Ask("duplicate: without premium", DUPLICATE, documents=LAPSED)
    yield Ask("duplicate: without a verified domain", DUPLICATE, documents=NO_DOMAIN)
    yield from _tests()


def _tests() -> Iterator[Ask]:
    named = {"hwids": ["Admin-1"]}
    yield Ask("test: what is pending", TEST, documents=NOTED)
    yield Ask(
        "test: a draft, to a device that is named", TEST, path=at(TEST, id="draft"), body=named
    )
    twice = [Ask("test: the first", TEST, body=named)]
    yield Ask("test: once more", TEST, body=named, first=twice)
    yield Ask("test: to a device that is no admin HWID", TEST, body={"hwids": ["Admin-1", "h1"]})
    yield Ask("test: to nobody", TEST, body={"hwids": []})
    yield Ask("test: to a segment", TEST, body={"targetSegment": {"hwid": "Admin-1"}, "hwid": "h1"})
    yield Ask("test: too late", TEST, path=at(TEST, id="sending"))
    yield Ask("test: none", TEST, path=at(TEST, id="none"))
    yield Ask("test: another provider's", TEST, path=at(TEST, id="other-pending"))
    yield Ask("test: too many in an hour", TEST, documents=limits(adminSendsPerHour=0))
    yield Ask("test: too many devices in a day", TEST, documents=MANY_DEVICES)
    yield Ask("test: without premium", TEST, documents=LAPSED)
    yield Ask("test: a timer without the plan", TEST, documents=PREMIUM)
    yield Ask("test: an incomplete draft", TEST, path=at(TEST, id="draft-part"))
    yield Ask("test: without a verified domain", TEST, documents=NO_DOMAIN)
    desk = {"domains/example.com": {"adminHwids": texts("Admin-1", "h1", "phone-no", "nobody")}}
    yield Ask("test: to devices of every kind", TEST, documents=desk)


def _numbers() -> Iterator[Ask]:
    for id in ("pending", "sending", "approved", "failed", "failed-link", "stopped"):
        yield Ask(f"stats: {id}", STATS, path=at(STATS, id=id))
    yield Ask("stats: none", STATS, path=at(STATS, id="none"))
    yield Ask("stats: another provider's", STATS, path=at(STATS, id="other-sending"))

    devices = ("phone-1", "h1", "ipad-1", "phone-no", "huawei-1", "phone-2", "elsewhere", "none")
    for hwid in devices:
        yield Ask(f"explain: {hwid}, sent", EXPLAIN, path=at(EXPLAIN, id="approved", hwid=hwid))
    for hwid in ("phone-1", "phone-2", "h1", "phone-gone", "odd", "bare"):
        yield Ask(
            f"explain: {hwid}, in sending", EXPLAIN, path=at(EXPLAIN, id="sending", hwid=hwid)
        )
    for hwid in ("phone-1", "h1", "phone-no"):
        yield Ask(f"explain: {hwid}, in a draft", EXPLAIN, path=at(EXPLAIN, id="draft", hwid=hwid))
    yield Ask("explain: no hwid", EXPLAIN, path=at(EXPLAIN, id="approved", hwid="__x__"))
    yield Ask("explain: of none", EXPLAIN, path=at(EXPLAIN, id="none", hwid="h1"))
    yield Ask(
        "explain: another provider's", EXPLAIN, path=at(EXPLAIN, id="other-sending", hwid="h1")
    )

    yield Ask("estimate: everybody", ESTIMATE, body={"targetSegment": {}})
    some = {"platform": "linux", "region": ["us"], "domain": "example.com", "activeDays": 1}
    yield Ask("estimate: some", ESTIMATE, body={"targetSegment": some})
    many = {"region": [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(40)]}
    languages = {"languages": ["en", "PT-br", "zh-hant"]}
    yield Ask("estimate: of some languages", ESTIMATE, body={"targetSegment": languages})
    unknown = {"languages": ["xx", "pt_BR", "de-ZZ", 7, "zh-Qqqq"]}
    yield Ask("estimate: of unknown languages", ESTIMATE, body={"targetSegment": unknown})
    yield Ask("estimate: in several queries", ESTIMATE, body={"targetSegment": many})
    yield Ask("estimate: one device", ESTIMATE, body={"targetSegment": {"hwid": "phone-1"}})
    wrong = {"targetSegment": ALL_WRONG["targetSegment"], "title": "x"}
    yield Ask("estimate: everything is wrong", ESTIMATE, body=wrong)
    yield Ask("estimate: nothing is given", ESTIMATE, body={})
    foreign = {"targetSegment": {"domain": "other.example"}}
    yield Ask("estimate: for a foreign domain", ESTIMATE, body=foreign)
    yield Ask("estimate: without premium", ESTIMATE, body={"targetSegment": {}}, documents=LAPSED)
    fast = limits(estimatesPerMinute=0)
    yield Ask("estimate: too often", ESTIMATE, body={"targetSegment": {}}, documents=fast)
    yield Ask(
        "estimate: without a verified domain",
        ESTIMATE,
        body={"targetSegment": {}},
        documents=NO_DOMAIN,
    )


def _account() -> Iterator[Ask]:
    me, dashboard, domains = "GET /v1/me", "GET /v1/dashboard", "GET /v1/domains"
    yield Ask("me", me)
    yield Ask("me: with an API key", me, "API key")
    yield Ask("me: with an API key, accounts are away", me, "API key", accounts=False)
    yield Ask("me: with a lesser plan", me, "other provider")
    yield Ask("me: without premium", me, "lapsed")
    yield Ask("me: with fields that cannot be read", me, "odd")
    yield Ask(
        "me: an API key that is unknown", me, "nobody", headers={"Authorization": "Bearer ffk_x"}
    )
    yield Ask("me: not a bearer", me, "nobody", headers={"Authorization": "Basic eDp5"})
    yield Ask("dashboard", dashboard)
    yield Ask("dashboard: of somebody new", dashboard, "lapsed")
    yield Ask("domains", domains)
    odd = {
        "domains/example.com": {
            "isVerified": {"stringValue": "yes"},
            "adminHwids": {"nullValue": None},
        }
    }
    yield Ask("domains: with fields that cannot be read", domains, documents=odd)

    change, path = "PATCH /v1/domains/{domain}", "/v1/domains/{}"
    both = {"adminHwids": ["Admin-1", "Admin-2"], "deepLinkSchemes": ["ACME", "acme-app"]}
    yield Ask("domain: both lists", change, body=both)
    yield Ask("domain: empties a list", change, body={"adminHwids": []})
    yield Ask("domain: nothing", change, body={})
    wrong = {
        "adminHwids": ["a/b", "..", 5, None, ""],
        "deepLinkSchemes": ["https", "javascript", "no spaces", "x" * 100, 5],
        "isVerified": True,
    }
    yield Ask("domain: everything is wrong", change, body=wrong)
    many = {
        "adminHwids": [f"a{n}" for n in range(11)],
        "deepLinkSchemes": [f"app{n}" for n in range(11)],
    }
    yield Ask("domain: too many entries", change, body=many)
    history = {
        f"domainHistory/more-{n}": {
            "domain": {"stringValue": "example.com"},
            "providerId": {"stringValue": "p1"},
            "at": {"timestampValue": f"2025-12-{n + 10}T12:00:00Z"},
            "by": {"stringValue": "provider:p1"},
            "added": {"arrayValue": {"values": [{"stringValue": f"more-{n}"}]}},
            "removed": {"arrayValue": {"values": [{"stringValue": f"less-{n}"}]}},
            "told": {"booleanValue": False},
        }
        for n in range(9)
    }
    yield Ask("domain: too many changes", change, body=both, documents=history)
    yield Ask("domain: another provider's", change, path=path.format("other.example"), body=both)
    yield Ask("domain: none", change, path=path.format("none.example"), body=both)
    yield Ask("domain: no domain", change, path=path.format("a..b"), body=both)
    yield Ask("domain: with an API key", change, "API key", body=both)
    noted = {"adminHwids": [{"hwid": "Admin-1", "note": "Anna's Pixel"}, "Admin-2"]}
    yield Ask("domain: with a note", change, body=noted)
    same = {"adminHwids": ["Admin-1"]}
    yield Ask("domain: a note stays with its device", change, body=same, documents=NOTED)
    without = {"adminHwids": [{"hwid": "Admin-1"}]}
    yield Ask("domain: takes a note away", change, body=without, documents=NOTED)
    bad = {"adminHwids": [{"hwid": "a/b", "note": "x" * 61}, {"note": "no hwid", "more": 1}]}
    yield Ask("domain: wrong notes", change, body=bad)

    issue, keys, delete = f"POST {KEYS}", f"GET {KEYS}", "DELETE /v1/keys/{id}"
    yield Ask("key: a new one", issue, body={"name": " server "})
    yield Ask("key: without a name", issue, body={"name": " ", "scope": "all"})
    yield Ask("key: a name of the wrong kind", issue, body={"name": 7})
    yield Ask("key: nothing is given", issue, body={})
    yield Ask("key: with an API key", issue, "API key", body={"name": "server"})
    yield Ask("key: too many", issue, body={"name": "server"}, documents=limits(apiKeys=1))
    yield Ask("key: too fast", issue, body={"name": "server"}, documents=limits(apiKeysPerMinute=0))
    yield Ask("key: accounts are away", issue, body={"name": "server"}, accounts=False)
    yield Ask("key: signed in long ago", issue, "owner since long ago", body={"name": "server"})
    yield Ask("keys", keys)
    yield Ask("keys: none", keys, "other provider")
    yield Ask("keys: with an API key", keys, "API key")
    yield Ask("delete a key", delete, path=f"{KEYS}/{OWN_KEY}")
    yield Ask("delete a key: none", delete, path=f"{KEYS}/none")
    yield Ask("delete a key: with an API key", delete, "API key", path=f"{KEYS}/{OWN_KEY}")
    yield Ask(
        "delete a key: another provider's", delete, "other provider", path=f"{KEYS}/{OWN_KEY}"
    )


def _anything() -> Iterator[Ask]:
    me, description = "GET /v1/me", "GET /openapi.json"
    yield Ask(
        "the description, known by its tag", description, "nobody", headers={"If-None-Match": "*"}
    )
    yield Ask("no such path", me, path="/v2/me")
    yield Ask("a path with a slash too many", me, path="/v1//me")
    yield Ask("no such method", "PUT /v1/notifications", body={})
    panel = {"Origin": "https://panel.example"}
    yield Ask("a page of the panel", me, headers=panel)
    yield Ask("a page of somebody else", me, headers={"Origin": "https://evil.example"})
    asked = {**panel, "Access-Control-Request-Method": "PUT"}
    yield Ask("a preflight", "OPTIONS /v1/me", "nobody", headers=asked)
    yield Ask(
        "a preflight of somebody else", "OPTIONS /v1/me", "nobody", headers={"Origin": "null"}
    )
    for caller in (
        "moderator",
        "operator",
        "device",
        "device's ID token",
        "Google",
        "expired",
        "forged",
    ):
        yield Ask(f"me: as {caller}", me, caller)
