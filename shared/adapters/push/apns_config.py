"""``FANFARE_APNS_CREDENTIALS``: one secret that says everything about us and Apple.

JSON, with either a P8 key or a P12 certificate in it. Newer keys and most certificates are good for
one environment only; ``environments`` then keeps devices of the other from being tried with them,
where each would fail as if our credentials were refused altogether.
"""

import base64
import binascii
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from shared.adapters.push.apns_certificate import P12Certificate
from shared.adapters.push.apns_credentials import (
    Certificate,
    Credential,
    CredentialsRefused,
    P8Key,
    TokenShelf,
)

Environment = Literal["production", "sandbox"]
TenCharacters = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{10}$")]


class ApnsCredentials(BaseModel):
    """``key``, ``keyId`` and ``teamId``; or ``p12`` (in base64) and its ``password``."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True
    )

    topic: str = Field(pattern=r"^[A-Za-z0-9.-]{1,155}$")
    environments: tuple[Environment, ...] = Field(("production", "sandbox"), min_length=1)
    key: str = Field("", repr=False)
    key_id: TenCharacters | None = None
    team_id: TenCharacters | None = None
    p12: str = Field("", repr=False)
    password: str = Field("", repr=False)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.key) == bool(self.p12):
            raise ValueError("give either key (a P8) or p12")
        if self.key and not (self.key_id and self.team_id):
            raise ValueError("a key needs its keyId and your teamId")
        return self

    def credential(self, shelf: TokenShelf) -> Credential:
        """Raises ``CredentialsRefused`` for one that cannot be used."""
        if self.key_id and self.team_id and self.key:
            return P8Key(self.key, self.key_id, self.team_id, shelf)
        return Certificate(P12Certificate(self._p12_bytes(), self.password, self.topic))

    def _p12_bytes(self) -> bytes:
        try:
            return base64.b64decode(self.p12, validate=True)
        except binascii.Error as broken:
            raise CredentialsRefused("p12 must be the file in base64") from broken


def read_credentials(text: str) -> ApnsCredentials:
    """Raises ``CredentialsRefused`` with every fault, and no part of a secret."""
    try:
        return ApnsCredentials.model_validate_json(text)
    except ValidationError as faults:
        told = "; ".join(
            f"{'.'.join(map(str, it['loc'])) or 'credentials'}: {it['msg']}"
            for it in faults.errors(include_input=False, include_url=False, include_context=False)
        )
        raise CredentialsRefused(f"FANFARE_APNS_CREDENTIALS: {told}") from None
