"""Firestore's events: the document as it was after the write, in plain values.

Eventarc sends protobuf. An event may be old by the time it arrives; it is good for deciding that
there is nothing to do, and never for writing from it.
"""

from collections.abc import Mapping
from typing import Any

from google.events.cloud.firestore import DocumentEventData, Value
from google.protobuf.message import DecodeError

from shared.adapters.firestore.rest_values import FOREIGN
from shared.domain.errors import Malformed
from shared.stores.device_codec import derived_fields, derived_from


def document_after(data: bytes | None) -> Mapping[str, Any] | None:
    """Return the readable fields; ``None`` when the document was deleted."""
    event = _read(data)
    if not event.value.name:
        return None
    return {name: _plain(value) for name, value in event.value.fields.items()}


def document_id(data: bytes | None, subject: str, collection: str) -> str:
    """Return which document of ``collection`` was written, or deleted; empty for none of it.

    The event's data says so. Its subject is for an event without data: it came in a header, where
    all but plain ASCII is percent-encoded, and the framework leaves it so.
    """
    event = _read(data)
    name = event.value.name or event.old_value.name or subject
    return name.partition(f"documents/{collection}/")[2]


def _read(data: object) -> DocumentEventData:
    """Parse an event; one without data is empty, and what is no protobuf is refused for good."""
    try:
        return DocumentEventData.deserialize(data or b"")
    except (DecodeError, TypeError):
        raise Malformed("the event does not carry a Firestore document") from None


def _plain(value: Value) -> Any:
    kind = Value.pb(value).WhichOneof("value_type")
    if kind == "array_value":
        return [_plain(each) for each in value.array_value.values]
    if kind == "map_value":
        return {name: _plain(each) for name, each in value.map_value.fields.items()}
    if kind == "reference_value":
        return FOREIGN
    return getattr(value, kind) if kind and kind != "null_value" else None


def derivation_fits(hwid: str, data: bytes | None) -> bool:
    """Tell whether the written device is gone, or holds exactly what is derived from it."""
    document = document_after(data)
    if document is None:
        return True
    derived = derived_fields(derived_from(hwid, document))
    return all(document.get(name) == value for name, value in derived.items())
