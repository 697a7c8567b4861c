"""What Firestore would refuse to have as a name is refused before: memory takes any.

Firestore's own refusal is an ``InvalidArgument``, which says that our code is wrong; it must never
be what somebody sent.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client, GeoPoint
from google.events.cloud.firestore import Document, DocumentEventData, Value

from functions.http.routes import Route
from functions.provider.insight import explain
from local.firestore import FirestoreEmulator
from shared.adapters.memory.standings import MemoryStandings
from shared.domain.audience.device import PARTITIONS
from shared.domain.audience.filters import Segment
from shared.domain.audience.targeting import PartitionRange, audience_queries
from shared.flow.audience.devices import written
from shared.settings import read
from shared.stores.device_codec import DERIVED_FIELDS
from shared.wiring import GoogleParts, replaced
from tests.builders import a_domain, an_enterprise_provider
from tests.doors.conftest import bearer, client
from tests.doors.fuzzing import sound, sound_callable
from tests.doors.junk import NAMES
from tests.doors.odd_documents import DEVICE, DOMAIN, PROVIDER
from tests.doors.test_junk import LIST, NAMING, answer_view, ask, page_token, place
from tests.doors.test_odd_documents import WHOLE
from tests.parts import ENVIRONMENT, PEOPLE, service_token, token

pytestmark = pytest.mark.slow

IDS = (
    ".",
    "..",
    "__x__",
    "a/b",
    "a/b/c",
    "/",
    "a\x00b",
    "a\nb",
    "x" * 1501,
    "\N{PARTY POPPER}" * 376,
    "\N{PARTY POPPER}" * 375,
    " ",
    "*",
    "~",
)


@pytest.fixture(scope="module")
def fanfare(firestore_emulator: FirestoreEmulator) -> Iterator[GoogleParts]:
    nobody = "http://127.0.0.1:9"  # junk gets nothing enqueued or sent
    environment = {
        **ENVIRONMENT,
        "FIRESTORE_EMULATOR_HOST": firestore_emulator.address,
        "CLOUD_TASKS_BASE_URL": nobody,
        "FCM_BASE_URL": nobody,
    }
    with pytest.MonkeyPatch.context() as known:
        known.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator.address)
        parts = GoogleParts(read(environment))
        vars(parts)["standings"] = MemoryStandings(*PEOPLE)
        parts.providers.put(an_enterprise_provider("p1"))
        parts.providers.put_domain(a_domain("example.com", "p1"))
        yield parts
        parts._rest.close()
        parts._firestore.close()


@pytest.fixture(autouse=True)
def _on_firestore(fanfare: GoogleParts) -> Iterator[None]:
    with replaced(fanfare):
        yield


@pytest.mark.parametrize(("function", "route"), NAMING)
def test_a_name_that_firestore_refuses_names_nothing(function: str, route: Route) -> None:
    if "moderators" in route.template:
        return  # asks for the account first
    for name in NAMES:
        answer = answer_view(ask(function, route.method, place(route, name)))
        sound(answer)
        assert answer.status >= 400 or route.handler is explain, (name, answer.text)


@pytest.mark.parametrize("id", IDS)
def test_a_page_token_that_firestore_refuses_is_a_fault(id: str) -> None:
    forged = page_token(f"1.{id}")
    answer = answer_view(ask("provider_api", "GET", LIST, query_string={"pageToken": forged}))
    sound(answer)
    queue = ask("moderation_queue", "POST", "/", json={"data": {"pageToken": forged}})
    sound_callable(answer_view(queue))


@pytest.mark.parametrize("uid", IDS)
def test_an_account_of_a_name_that_firestore_refuses_is_no_providers(uid: str) -> None:
    answer = answer_view(ask("provider_api", "GET", "/v1/me", headers=bearer(token(uid[:128]))))
    sound(answer)
    assert answer.status in {401, 403, 404}


@pytest.mark.parametrize("id", IDS)
def test_a_task_for_a_name_that_firestore_refuses_is_done_with(id: str) -> None:
    tasks: Mapping[str, tuple[Mapping[str, Any], ...]] = {
        "plan-fanout": ({"notificationId": id}, {"notificationId": id, "part": 1}),
        "send-batch": (
            {"notificationId": id, "batchId": "0000-00-00000"},
            {"notificationId": "n", "batchId": id},
            {"notificationId": id, "batchId": id},
        ),
    }
    for function, bodies in tasks.items():
        for body in bodies:
            answer = client(function.replace("-", "_")).post(
                "/", json=body, headers=bearer(service_token(function))
            )
            assert answer.status_code == 200, (function, body, answer.text)


# ---- documents that others write -------------------------------------------------------------

KINDS_OF_FIRESTORE: Mapping[str, Any] = {
    "nothing": None,
    "yes": True,
    "a number": 2**63 - 1,
    "half": 0.5,
    "not a number": float("nan"),
    "endless": float("inf"),
    "text": "true",
    "long text": "x" * 50_000,
    "bytes": b"android",
    "a place": GeoPoint(53.9, 27.6),
    "lists": ["odd", 7, b"x", {"a": [1]}],
    "a map": {"a.b": {"`": 1}, "__x": None},
    "the first day": datetime(1, 1, 1, tzinfo=UTC),
    "the last day": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
}


@pytest.mark.parametrize("kind", [*KINDS_OF_FIRESTORE, "a reference", "a reference elsewhere"])
def test_any_value_that_firestore_has_may_stand_in_any_field_that_others_write(
    fanfare: GoogleParts, kind: str
) -> None:
    """The two ways in which we read a device, by gRPC and by REST, agree on all of them."""
    client = fanfare._firestore
    elsewhere = Client(project="elsewhere", credentials=AnonymousCredentials())
    referring = elsewhere if kind == "a reference elsewhere" else client
    value = KINDS_OF_FIRESTORE.get(kind, referring.document("providers/p1"))
    client.document("providers/odd").set(dict.fromkeys(PROVIDER, value))
    client.document("domains/odd.example").set({**dict.fromkeys(DOMAIN, value), "providerId": "p1"})
    plain = {"domains": ["example.com"], "platform": "linux", "fcmToken": "t"}
    fields = [name for name in DEVICE if name not in {"domains", "hwid", *DERIVED_FIELDS}]
    hwids = []
    for name in fields:
        hwids.append(f"odd {name}")
        client.document(f"devices/{hwids[-1]}").set({**plain, name: value})
        written(hwids[-1], devices=fanfare.devices)
    answers = [
        ask("provider_api", "GET", "/v1/me", headers=bearer(token("odd"))),
        ask("provider_api", "GET", "/v1/domains"),
        ask("operator_api", "GET", "/v1/providers/odd"),
        ask("operator_api", "GET", "/v1/domains/odd.example"),
        ask("provider_api", "POST", "/v1/estimates", json={"targetSegment": {}}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 5
    (query,) = audience_queries(Segment(), ["example.com"], datetime.now(UTC))
    page = fanfare.audience.page(query, PartitionRange(0, PARTITIONS), "", 500, "")
    targets = {target.hwid: target for _, target in page.targets}
    for hwid in hwids:
        device = fanfare.devices.get(hwid)
        assert device is not None
        target = targets[hwid]
        assert (target.address, target.slot) == (device.address, device.slot)
        assert (target.consent, target.platform) == (device.consent, device.platform)
        assert set(target.unreadable) <= set(device.unreadable)
        assert list(fanfare.devices.reach([hwid])) == [hwid]
    put = ask("operator_api", "PUT", "/v1/providers/odd", json=WHOLE)
    assert (put.status_code, put.get_json()["unreadable"]) == (200, [])


def test_an_event_of_a_document_that_cannot_be_read_derives_what_can_be(
    fanfare: GoogleParts,
) -> None:
    fields = {
        "domains": Value(array_value={"values": [{"string_value": "Example.com"}, {}]}),
        "locale": Value(reference_value="projects/p/databases/d/documents/providers/p1"),
        "consent": Value(geo_point_value={"latitude": 1.0, "longitude": 2.0}),
    }
    place = fanfare._firestore.document("devices/of an event")
    place.set({"domains": ["Example.com", None], "locale": fanfare._firestore.document("a/b")})
    document = Document(name=f"projects/p/databases/d/documents/{place.path}", fields=fields)
    data = DocumentEventData.serialize(DocumentEventData(value=document))
    answer = client("on_device_written").post(
        "/",
        data=data,
        headers={
            **bearer(service_token("on-device-written", "events")),
            "Content-Type": "application/protobuf",
            "ce-id": "1",
            "ce-source": "//firestore.googleapis.com/projects/p/databases/(default)",
            "ce-specversion": "1.0",
            "ce-type": "google.cloud.firestore.document.v1.written",
            "ce-subject": "documents/devices/of an event",
        },
    )
    assert answer.status_code == 200, answer.text
    assert (place.get().to_dict() or {})["selectors"] == ["example.com"]
