"""A request's body or query, as the model it must be: strict JSON in, every fault out at once.

The JSON is read twice. Once to refuse what parsers disagree about (a name given twice, NaN), and
once by pydantic from the same bytes, whose JSON mode is strict but takes enums and dates as text.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError

from functions.http.errors import TooLarge, UnsupportedMediaType
from functions.http.validation import field_errors
from shared.domain.errors import FieldError, InvalidInput, Malformed
from shared.domain.inputs import Input

MOST_BYTES = 64 * 1024
PRIVATE = frozenset({"hwid", "hwids", "admin_hwids", "device_secret", "value"})
"""Fields that hold an hwid, a secret or a push address."""
M = TypeVar("M", bound=BaseModel)

_JSON_TYPE = re.compile(r"(application|text)/json|application/[a-z0-9.+-]+\+json")
_UTF_8 = frozenset({"", "utf8", "ascii", "usascii"})
"""Names of UTF-8, the absent one included; ASCII is UTF-8, too."""
_NOT_OF_A_CHARSET = str.maketrans("", "", "-_ '\"")


class RequestModel(Input):
    """A body, a query, or the data of a call."""


class OptionalRequest(RequestModel):
    """A body that may be left out: an empty one counts as ``{}``."""


class EmptyRequest(OptionalRequest):
    """Request model without fields."""


def private_in(input: object) -> Iterator[str]:
    """Yield the texts in a request that no log may show: hwids, secrets and push addresses."""
    if isinstance(input, BaseModel):
        for name in type(input).model_fields:
            value = getattr(input, name)
            if name not in PRIVATE:
                yield from private_in(value)
                continue
            for each in [value] if isinstance(value, str) else value or ():
                yield from [each] if isinstance(each, str) else private_in(each)


def read(request: Request) -> bytes:
    """Read the body of a request; raises unless it says it is JSON, and is of a size we take."""
    if (request.content_length or 0) > MOST_BYTES:
        raise _too_large()
    raw = b""
    while chunk := request.stream.read(MOST_BYTES + 1 - len(raw)):
        raw += chunk
        if len(raw) > MOST_BYTES:
            raise _too_large()
    if raw:
        _check_type(request)
    return raw.removeprefix(BOM_UTF8)


def decode(raw: bytes) -> dict[str, Any]:
    """Decode the JSON object in ``raw``; raises ``Malformed`` for anything else."""
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_no_name_twice, parse_constant=_no_constant
        )
    except _Ambiguous as fault:
        raise Malformed(f"in the body, {fault}") from None
    except (ValueError, RecursionError) as fault:
        why = f" (line {fault.lineno})" if isinstance(fault, json.JSONDecodeError) else ""
        raise Malformed(f"the body is not well-formed JSON in UTF-8{why}") from None
    if not isinstance(value, dict):
        raise Malformed("the body must be a JSON object")
    return value


def parse(raw: bytes, model: type[M]) -> M:
    """Parse ``raw`` as a ``model``, by the names of the API only; raises with every fault."""
    try:
        return model.model_validate_json(raw, by_alias=True, by_name=False)
    except ValidationError as faults:
        errors = field_errors(faults)
    if any(error.code == "malformed" for error in errors):
        raise Malformed("the body is not well-formed JSON in UTF-8")
    raise InvalidInput(errors)


def body(
    request: Request,
    model: type[M],
    pick: Callable[[Mapping[str, object]], type[M]] | None = None,
    further: Callable[[Mapping[str, object]], Iterable[FieldError]] | None = None,
) -> M:
    """Read the request's JSON body as a ``model``, or as the one that ``pick`` takes for it.

    If it has faults, ``further`` may add those that only a verb would find, to tell all at once.
    """
    raw = read(request)
    if not raw and issubclass(model, OptionalRequest):
        raw = b"{}"
    if not raw:
        raise Malformed("a JSON body is required")
    value = decode(raw)
    try:
        return parse(raw, pick(value) if pick else model)
    except InvalidInput as faults:
        fields = {error.field for error in faults.errors}
        added = further(value) if further else ()
        raise InvalidInput(
            [*faults.errors, *(error for error in added if error.field not in fields)]
        ) from None


def query(request: Request, model: type[M]) -> M:
    """Read the query string as a ``model``; a parameter given twice is a fault."""
    parameters: Mapping[str, list[str]] = request.args.to_dict(flat=False)
    twice = [
        FieldError(name[:64], "repeated", f"{name[:64]} must be given once")
        for name, values in parameters.items()
        if len(values) > 1
    ]
    once = {name: values[0] for name, values in parameters.items()}
    try:
        found = model.model_validate_strings(once, strict=False, by_alias=True, by_name=False)
    except ValidationError as faults:
        raise InvalidInput([*twice, *field_errors(faults)]) from None
    if twice:
        raise InvalidInput(twice)
    return found


def _check_type(request: Request) -> None:
    if not _JSON_TYPE.fullmatch(request.mimetype):
        raise UnsupportedMediaType("send the body as Content-Type: application/json")
    charset = request.mimetype_params.get("charset", "").lower()
    if charset.translate(_NOT_OF_A_CHARSET) not in _UTF_8:
        raise UnsupportedMediaType("send the body in UTF-8, and say no other charset of it")
    if request.headers.get("Content-Encoding", "").strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType("send the body without a Content-Encoding")


def _too_large() -> TooLarge:
    return TooLarge(f"a body may have at most {MOST_BYTES} bytes")


class _Ambiguous(Exception):
    """JSON that one parser refuses and another understands in its own way."""


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Ambiguous("a name is given twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Ambiguous(f"{name} is not JSON")
