"""Documents as others may leave them: any value in any field, and a Fanfare with such documents."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from shared.adapters.firestore.rest_values import FOREIGN
from shared.adapters.memory.senders import MemorySenders
from shared.domain.audience.device import AddressKind
from shared.flow.audience.devices import written
from tests.builders import (
    a_desktop,
    a_device,
    a_domain,
    a_provider,
    an_enterprise_provider,
    an_fcm_address,
)
from tests.doors.conftest import door
from tests.flow.push import PushService
from tests.parts import MemoryParts, memory_parts, merge_device, service_token, token

Document = dict[str, Any]

_TEXTS = st.sampled_from(
    [
        *("", " ", "true", "yes", "7", "now", "premium", "enterprise", "android", "linux", "macos"),
        *("\x00", "\N{PARTY POPPER}" * 9, "\u202e", "a.b", "`", "__x__", "p2", "two.example"),
        *("Two.Example.", "two。example", "xn--", "2026-01-01T00:00:00Z", "x" * 5_000, "é" * 3_000),
    ]
)
_NUMBERS = st.sampled_from(
    [
        *(0, 1, -1, 7, 2**53 + 1, 2**63 - 1, -(2**63), 10**40),
        *(0.5, -0.0, 1e308, float("nan"), float("inf"), float("-inf")),
    ]
)
_TIMES = st.sampled_from(
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1),  # noqa: DTZ001 - what it is about
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.now(UTC) + timedelta(days=400),
    ]
)
_SINGLE = st.one_of(
    st.none(), st.booleans(), _NUMBERS, _TEXTS, _TIMES, st.binary(max_size=9), st.just(FOREIGN)
)
_NAMES = st.one_of(
    _TEXTS,
    st.sampled_from(["pendingAtOnce", "devicesPerMinute", "submissionsPerDay", "pushesPerSecond"]),
    st.sampled_from(["kind", "value", "environment", "registeredAt"]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    _SINGLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=5,
)
"""What a field may hold."""

PROVIDER = ("email", "isPremium", "plan", "name", "limits", "members")
DOMAIN = ("providerId", "isVerified", "adminHwids")
DEVICE = (
    *("hwid", "platform", "locale", "timeZone", "appVersion", "domains", "lastActiveAt"),
    *("pushAddress", "fcmToken", "consent", "properties"),
    *("language", "territory", "selectors", "partition", "domainsUnreadable"),
    *("pendingNotificationId", "pendingNotificationTitle", "pendingNotificationAt"),
    *("pendingNotificationUrl", "pendingNotificationForceTimer", "pendingNotificationExpiresAt"),
)


def odd(names: tuple[str, ...]) -> st.SearchStrategy[Document]:
    """Draw some of the fields, or a field that nobody knows, with values that anybody may write."""
    return st.dictionaries(st.sampled_from(names) | st.just("of.nobody`s"), VALUES, max_size=5)


SOUND = ("phone-1", "phone-2", "desk-1")
ODD = ("odd-phone", "odd-desk", "odd-mac")


class Platform:
    """Provider p1 and three devices, which can turn odd, beside p2, which must not notice."""

    def __init__(self) -> None:
        self.push = PushService()
        self.parts: MemoryParts = memory_parts(
            an_enterprise_provider("p1"),
            a_provider("p2"),
            a_domain("one.example", "p1"),
            a_domain("odd.example", "p1"),
            a_domain("two.example", "p2"),
        )
        self.parts.senders = MemorySenders({AddressKind.FCM: self.push})
        domains = ("one.example", "odd.example", "two.example")
        for device in (
            a_device("phone-1", domains=domains),
            a_device("phone-2", domains=domains),
            a_desktop("desk-1", domains=domains),
            a_device("odd-phone", domains=domains),
            a_desktop("odd-desk", domains=domains),
            a_desktop(
                "odd-mac", platform="macos", domains=domains, address=an_fcm_address("token-mac")
            ),
        ):
            self.turn(device.hwid, _document(device.hwid, device.platform, domains))
        self.one = door("provider_api", token("p1"))
        self.two = door("provider_api", token("p2"))
        self.operator = door("operator_api", token("o1", operator=True))

    def turn(self, hwid: str, fields: Mapping[str, Any]) -> None:
        """Write these fields as another back end does; the event of that write arrives."""
        merge_device(self.parts.database, hwid, dict(fields))
        written(hwid, devices=self.parts.devices)

    def moderator(self, function: str, **data: Any) -> Any:
        """Return the answer of a callable."""
        call = door(function, token("m1", moderator=True))
        return call("POST", "/", {"data": data})

    def submitted(self, call: Any, **fields: Any) -> str:
        """Return the id of a notification that waits for a moderator."""
        body = {"title": "Sale", "body": "Everything must go", "targetSegment": {}, **fields}
        answer = call("POST", "/v1/notifications", body)
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["id"])

    def distribute(self, *ids: str) -> None:
        """Do what events, tasks and the tick do with these."""
        for id in ids:
            self._run("plan-fanout", {"notificationId": id})
        while (task := self.parts.tasks.take()) is not None:
            self._run(task.function, dict(task.payload))
        tick = door("tick", service_token("tick", "scheduler"))
        assert tick("POST", "/").status_code == 200

    def got_it(self, id: str) -> set[str]:
        """Return the devices, among those that stay sound, that a notification reached."""
        pushed = {to.removeprefix("token-") for to in self.push.reached(id)}
        documents = self.parts.database.collection("devices")
        shown = {it for it in SOUND if documents[it].get("pendingNotificationId") == id}
        return (pushed | shown) & set(SOUND)

    def _run(self, function: str, payload: object) -> None:
        answer = door(function.replace("-", "_"), service_token(function))("POST", "/", payload)
        assert answer.status_code == 200, (function, answer.text)


def _document(hwid: str, platform: str, domains: tuple[str, ...]) -> Document:
    address = {} if platform == "linux" else {"fcmToken": f"token-{hwid}"}
    return {"platform": platform, "domains": list(domains), "locale": "en_US", **address}
