"""The reading of other services' answers: JSON objects and texts, as far as they are readable."""

import json
from collections.abc import Mapping


def object_in(body: bytes | str) -> Mapping[str, object]:
    """Return the fields of a JSON object; none of anything else, however broken or deep."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def text_in(fields: Mapping[str, object], name: str) -> str:
    """Return the text in a field; an empty one for what is no text."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""
