"""``FANFARE_APNS_CREDENTIALS``: one secret with everything that proves us to Apple.

JSON, with either a P8 key or a P12 certificate in it. Newer keys and most certificates are good for
one environment only; ``environments`` then keeps devices of the other from being tried with them,
where each would fail as if our credentials were refused altogether.
"""

from functools import cached_property
from typing import Annotated, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shared.settings.credentials import CredentialsRefused
from shared.settings.credentials.model import PushCredentials, Text, like
from shared.settings.credentials.p8 import read_key
from shared.settings.credentials.p12 import P12Certificate
from shared.settings.credentials.pasted import base64_bytes

Environment = Literal["production", "sandbox"]
AppleId = Annotated[
    Text,
    AfterValidator(str.upper),
    AfterValidator(like("[A-Z0-9]{10}", "must be the ten letters and digits that Apple shows")),
]
Topic = Annotated[
    Text,
    AfterValidator(like("[A-Za-z0-9.-]{1,155}", "must be the app's bundle id, as com.example.app")),
]


def _usable_key(text: str) -> str:
    try:
        read_key(text)
    except CredentialsRefused as refused:
        raise ValueError(str(refused)) from None
    return text


def _decoded(text: object) -> object:
    try:
        return base64_bytes(text) if isinstance(text, str) else text
    except CredentialsRefused as refused:
        raise ValueError(str(refused)) from None


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ApnsCredentials(PushCredentials):
    """Fields of the secret: ``key``, ``keyId`` and ``teamId``; or ``p12`` (base64) and its
    ``password``.
    """

    topic: Topic
    environments: Annotated[
        tuple[Environment, ...], BeforeValidator(_listed), Field(min_length=1)
    ] = ("production", "sandbox")
    key: Annotated[str, AfterValidator(_usable_key)] | None = Field(None, repr=False)
    key_id: AppleId | None = None
    team_id: AppleId | None = None
    p12: Annotated[bytes, BeforeValidator(_decoded)] | None = Field(None, repr=False)
    password: str = Field("", repr=False)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.key) == bool(self.p12):
            raise ValueError("give either key (a P8) or p12")
        if self.key and not (self.key_id and self.team_id):
            raise ValueError("a key needs its keyId and your teamId")
        try:
            _ = self.certificate
        except CredentialsRefused as refused:
            raise ValueError(str(refused)) from None
        return self

    @cached_property
    def private_key(self) -> EllipticCurvePrivateKey | None:
        """Key that provider tokens are signed with; ``None`` with a certificate."""
        return read_key(self.key) if self.key else None

    @cached_property
    def certificate(self) -> P12Certificate | None:
        """Certificate that is shown in the handshake; ``None`` with a key."""
        return P12Certificate(self.p12, self.password, self.topic) if self.p12 else None
