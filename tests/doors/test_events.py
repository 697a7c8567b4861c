"""What Firestore's events tell is read from the event itself, whatever its headers look like."""

from collections.abc import Mapping
from urllib.parse import quote

import pytest
from google.events.cloud.firestore import Document, DocumentEventData, Value
from werkzeug.test import TestResponse

from shared.domain.audience.device import derive
from tests.doors.conftest import client
from tests.parts import MemoryParts, service_token

ROOT = "projects/demo-fanfare/databases/(default)/documents"


def written(hwid: str, fields: Mapping[str, str], subject: str) -> TestResponse:
    """Make Eventarc's call after a device document was written."""
    values = {name: Value(string_value=text) for name, text in fields.items()}
    document = Document(name=f"{ROOT}/devices/{hwid}", fields=values)
    event = DocumentEventData(value=document)
    headers = {
        "Authorization": f"Bearer {service_token('on-device-written', 'events')}",
        "Content-Type": "application/protobuf",
        "ce-id": "1",
        "ce-source": "//firestore.googleapis.com/projects/demo-fanfare/databases/(default)",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.firestore.document.v1.written",
        "ce-subject": subject,
    }
    data = DocumentEventData.serialize(event)
    return client("on_device_written").post("/", headers=headers, data=data)


@pytest.mark.parametrize("hwid", ["plain-1", "with space", "100%25", "mäc-№1", "a:b|c"])
def test_a_device_of_any_name_gets_what_is_derived_for_it(world: MemoryParts, hwid: str) -> None:
    """In a header, whatever is not plain ASCII is percent-encoded, as CloudEvents have it."""
    plain = {"platform": "android", "locale": "ru_RU", "fcmToken": "t1"}
    world.database.hold(f"devices/{hwid}", {**plain, "domains": ["example.com"]})
    assert written(hwid, plain, f"documents/devices/{quote(hwid)}").status_code == 200
    stored = world.database.collection("devices")[hwid]
    derived = derive(hwid, "ru_RU", ["example.com"])
    assert (stored.get("selectors"), stored.get("partition")) == (
        list(derived.selectors),
        derived.partition,
    )
