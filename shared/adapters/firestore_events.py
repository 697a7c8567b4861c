"""What a Firestore event carries: the document as it was after the write, in plain values.

Eventarc sends protobuf. An event may be old by the time it arrives; it is good for deciding that
there is nothing to do, and never for writing from it.
"""

from collections.abc import Mapping
from typing import Any

from google.events.cloud.firestore import DocumentEventData, Value

from shared.adapters.documents_device import derived_fields, derived_from
from shared.domain.errors import Defect


def document_after(data: bytes | None) -> Mapping[str, Any] | None:
    """The fields we know how to read; ``None`` when the document was deleted."""
    event = DocumentEventData.deserialize(data or b"")
    if not event.value.name:
        return None
    return {name: _plain(value) for name, value in event.value.fields.items()}


def _plain(value: Value) -> Any:
    kind = Value.pb(value).WhichOneof("value_type")
    if kind == "array_value":
        return [_plain(each) for each in value.array_value.values]
    if kind == "map_value":
        return {name: _plain(each) for name, each in value.map_value.fields.items()}
    return getattr(value, kind) if kind and kind != "null_value" else None


def derivation_fits(hwid: str, data: bytes | None) -> bool:
    """Whether the written device is gone, or holds exactly what is derived from it."""
    document = document_after(data)
    if document is None:
        return True
    try:
        derived = derived_fields(derived_from(hwid, document))
    except Defect:
        return False
    return all(document.get(name) == value for name, value in derived.items())
