"""The reading of every push service's secret, and the words it is refused with."""

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from shared.settings.credentials import CredentialsRefused
from shared.settings.credentials.pasted import bare, json_object


def _text(value: object) -> object:
    """Take a number for its digits, and off a text what is around it."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else bare(value) if isinstance(value, str) else value


def _in_one_word(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
        raise ValueError("must be ASCII characters without blanks between them")
    return value


Text = Annotated[str, BeforeValidator(_text)]
"""A short text, without surrounding blanks, quotes or marks."""
Secret = Annotated[
    SecretStr, BeforeValidator(_text), Field(min_length=1), AfterValidator(_in_one_word)
]

_SENTENCES = {
    "missing": "is missing",
    "string_type": "must be a text",
    "string_too_short": "is empty",
    "string_unicode": "must be a text",
}


class PushCredentials(BaseModel):
    """A JSON object of fixed fields; ``null`` is as good as a field left out."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, alias_generator=to_camel
    )

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the secret's text.

        Raises ``CredentialsRefused`` with every fault, and no part of a secret.
        """
        given = {name: it for name, it in json_object(text).items() if it is not None}
        try:
            return cls.model_validate(given)
        except ValidationError as faults:
            raise CredentialsRefused("; ".join(cls._faults(faults))) from None

    @classmethod
    def _faults(cls, faults: ValidationError) -> Iterator[str]:
        for fault in faults.errors(include_url=False, include_input=False):
            name = ".".join(str(part) for part in fault["loc"])
            said = _SENTENCES.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
            if fault["type"] == "extra_forbidden":
                yield cls._unknown(name)
            else:
                yield f"{name} {said}".strip()

    @classmethod
    def _unknown(cls, name: str) -> str:
        """Repeat a near miss only: an unknown name may be the secret itself."""
        known = [to_camel(it) for it in cls.model_fields]
        if near := get_close_matches(name, known, n=1, cutoff=0.8):
            return f"{name} is no field; perhaps {near[0]} is meant"
        return f"there is a field that is none of {', '.join(known)}"


def like(form: str, sentence: str) -> Callable[[str], str]:
    """Return a validator that refuses a text of any other form with this sentence."""

    def checked(value: str) -> str:
        if not re.fullmatch(form, value):
            raise ValueError(sentence)
        return value

    return checked
