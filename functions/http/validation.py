"""Pydantic's faults in our words: field, stable code, and a sentence that says what to do.

What was sent is never repeated back, but for the names of unknown fields, cut short.
"""

import re
from collections.abc import Mapping, Sequence
from typing import get_args

from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from shared.domain.errors import FieldError

MOST_FAULTS = 100
MOST_NAME_CHARACTERS = 64

_TEXT = ("wrongType", "must be a string")
_WHOLE = ("wrongType", "must be a whole number")
_NUMBER = ("wrongType", "must be a number")
_YES_NO = ("wrongType", "must be true or false")
_LIST = ("wrongType", "must be a list")
_OBJECT = ("wrongType", "must be an object")

_WORDS: Mapping[str, tuple[str, str]] = {
    "json_invalid": ("malformed", "is not well-formed JSON"),
    "missing": ("required", "is required"),
    "extra_forbidden": ("unknownField", "is not a field of this request"),
    "string_type": _TEXT,
    "string_sub_type": _TEXT,
    "string_unicode": _TEXT,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": ("tooBig", "is too big"),
    "float_type": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "string_too_long": ("tooLong", "must have at most {max_length} characters"),
    "string_too_short": ("tooShort", "must have at least {min_length} characters"),
    "string_pattern_mismatch": ("badFormat", "is not in the form it must have"),
    "too_long": ("tooMany", "must have at most {max_length} entries"),
    "too_short": ("tooFew", "must have at least {min_length} entries"),
    "greater_than_equal": ("tooSmall", "must be at least {ge}"),
    "less_than_equal": ("tooBig", "must be at most {le}"),
    "greater_than": ("tooSmall", "must be more than {gt}"),
    "less_than": ("tooBig", "must be less than {lt}"),
    "enum": ("notAllowed", "must be one of {expected}"),
    "literal_error": ("notAllowed", "must be one of {expected}"),
}
_BUILT_IN = frozenset(get_args(ErrorType))
_REQUIRED = ("required", "is required")
_INVALID = ("invalid", "is not valid")


def field_errors(faults: ValidationError) -> list[FieldError]:
    """List every fault, in the order of the fields."""
    found = faults.errors(include_url=False)[:MOST_FAULTS]
    return [_field_error(fault) for fault in found]


def _field_error(fault: ErrorDetails) -> FieldError:
    place = _place(fault["loc"])
    code, sentence = _REQUIRED if _is_absent(fault) else _words(fault)
    return FieldError(place, code, f"{place or 'the body'} {sentence}")


def _words(fault: ErrorDetails) -> tuple[str, str]:
    kind = fault["type"]
    if kind not in _BUILT_IN:
        return to_camel(kind), fault["msg"]
    code, sentence = _WORDS.get(kind, _INVALID)
    return code, sentence.format(**fault.get("ctx", {}))


def _place(loc: Sequence[str | int]) -> str:
    return ".".join(_name(str(part)) for part in loc)


def _name(part: str) -> str:
    part = re.sub(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\uffff]", "?", part)
    return part if len(part) <= MOST_NAME_CHARACTERS else f"{part[:MOST_NAME_CHARACTERS]}…"


def _is_absent(fault: ErrorDetails) -> bool:
    """Tell whether a field was sent as null, or blank, which is the same as not at all.

    Of the fields there are, only a required one can have that as its fault; a null in a list is a
    wrong entry.
    """
    if fault["input"] is not None or fault["type"] == "extra_forbidden":
        return False
    return bool(fault["loc"]) and isinstance(fault["loc"][-1], str)
