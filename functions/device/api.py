"""The devices' door: register, keep the push address current, read what is pending, leave.

An hwid is opaque: it may hold any character but a slash, stands percent-encoded in the path, and
is never logged.
"""

import re
from typing import Annotated, Literal

from flask import Request, Response
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from functions.device.answers import PendingAnswer, RegisteredAnswer
from functions.http.api import Door
from functions.http.bearer import app_token, bearer
from functions.http.bodies import EmptyRequest, RequestModel
from functions.http.callers import Caller, Path, anyone
from functions.http.fields import BlankIsEmpty, Hostname, HumanText, HwidText, NoControls, hwid_in
from functions.http.routes import Call, Reply
from shared.domain.actors import Role
from shared.domain.audience.device import AddressKind, Device, Hwid, Platform, PushAddress
from shared.flow.audience import devices
from shared.wiring import parts


def check_app(request: Request) -> None:
    """Let apps of this project only call, where App Check is required."""
    p = parts()
    if p.settings.app_check == "required":
        p.app_check.verify(app_token(request))


DOOR = Door("device-api", browsers=True, guard=check_app)

MOST_SYSTEM_CHARACTERS = 255
_ADDRESS = re.compile(r"[!#-\[\]-~]+")


def _cut(text: str) -> str:
    return text[:MOST_SYSTEM_CHARACTERS]


def _plain(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise PydanticCustomError("bad_format", "is not in the form it must have")
    return address


def _not_empty(domains: tuple[str, ...]) -> tuple[str, ...]:
    if not domains:
        raise PydanticCustomError("too_few", "must have at least one entry")
    return domains


SecretText = Annotated[str, StringConstraints(pattern=r"^[!-~]{32,128}$")]
"""A secret the device chose itself, of at least 32 characters, so that guessing is hopeless."""
AddressText = Annotated[
    str, Field(min_length=1, max_length=4096), NoControls, AfterValidator(_plain)
]
"""No push service's addresses hold spaces, quotes, or anything beyond ASCII."""
SystemText = Annotated[HumanText, AfterValidator(_cut)]
AppVersion = Annotated[str, NoControls, BlankIsEmpty, AfterValidator(_cut)]
"""An app version is kept as the device gives it, cut short if need be, and never refused for not
being understood: that would cost a phone its pushes.
"""


class AddressInput(RequestModel):
    """A push service's address of the device; ``environment`` matters to APNs, if it is known."""

    kind: AddressKind
    value: AddressText
    environment: Literal["production", "sandbox"] | None = None

    def address(self) -> PushAddress:
        """Return the address as the domain has it."""
        return PushAddress(self.kind, self.value, self.environment or "")


class DeviceInput(RequestModel):
    """A device's description of itself; fields that it leaves out stay as they were.

    ``consent`` can be withdrawn here, but not given back.
    With a ``deviceSecret`` of its own the registration can be repeated when its answer is lost.
    """

    hwid: HwidText
    platform: Platform
    domains: Annotated[tuple[Hostname, ...], Field(max_length=50), AfterValidator(_not_empty)]
    locale: SystemText = ""
    time_zone: SystemText = ""
    app_version: AppVersion = ""
    push_address: AddressInput | None = None
    consent: bool = True
    device_secret: SecretText | None = None

    def device(self) -> Device:
        """Return the device as the domain has it."""
        return Device(
            hwid=Hwid(self.hwid),
            platform=self.platform,
            locale=self.locale,
            time_zone=self.time_zone,
            app_version=self.app_version,
            domains=tuple(dict.fromkeys(self.domains)),
            address=self.push_address.address() if self.push_address else None,
            consent=self.consent,
        )


class ConsentInput(RequestModel):
    """A person's consent to be notified, or its withdrawal."""

    consent: bool


def device(request: Request, path: Path) -> Caller:
    """Let the device in the path call: by its secret, or by its ID token (only those have dots)."""
    token, hwid = bearer(request), hwid_in(path)
    if "." in token:
        devices.check_identity(hwid, parts().identities.verify_user(token), devices=parts().devices)
    else:
        devices.check_secret(hwid, token, devices=parts().devices)
    return Caller(Role.DEVICE, hwid)


def device_api(request: Request) -> Response:
    """Answer every request of the devices."""
    return DOOR.respond(request)


@DOOR.route(
    "POST",
    "/v1/devices",
    who=anyone,
    input=DeviceInput,
    answer=RegisteredAnswer,
    status=201,
    others=(200,),
)
def register(call: Call[DeviceInput]) -> Reply:
    """Register, and get the deviceSecret this once; or, proving oneself with it, refresh. Where it
    is lost, the push address that the device registered last proves as much, and begins anew.
    """
    p = parts()
    known = "Authorization" in call.request.headers
    registered = devices.register(
        call.input.device(),
        bearer(call.request) if known else None,
        chosen=call.input.device_secret,
        needs=p,
    )
    answer = RegisteredAnswer(custom_token=registered.custom_token)
    if registered.secret:
        answer = answer.model_copy(update={"device_secret": registered.secret})
    return Reply(answer, 201 if registered.first else 200)


@DOOR.route(
    "POST", "/v1/devices/<hwid>/token", who=device, input=AddressInput, answer=None, status=204
)
def set_address(call: Call[AddressInput]) -> Reply:
    """Set a new push address; another device that holds the same one loses it."""
    p = parts()
    devices.set_address(hwid_in(call.path), call.input.address(), needs=p)
    return Reply(None, 204)


@DOOR.route(
    "POST", "/v1/devices/<hwid>/consent", who=device, input=ConsentInput, answer=None, status=204
)
def set_consent(call: Call[ConsentInput]) -> Reply:
    """Give or withdraw consent; without it nothing is sent and the address is forgotten."""
    devices.set_consent(hwid_in(call.path), call.input.consent, devices=parts().devices)
    return Reply(None, 204)


@DOOR.route(
    "GET", "/v1/devices/<hwid>/pending", who=device, input=EmptyRequest, answer=PendingAnswer
)
def read_pending(call: Call[EmptyRequest]) -> Reply:
    """Read the one notification a desktop shows next, if there is any."""
    p = parts()
    pending = p.devices.pending(hwid_in(call.path), p.clock.now())
    return Reply({"notification": pending})


@DOOR.route("DELETE", "/v1/devices/<hwid>", who=device, input=EmptyRequest, answer=None, status=204)
def delete(call: Call[EmptyRequest]) -> Reply:
    """Forget the device and its secret."""
    devices.delete(hwid_in(call.path), devices=parts().devices)
    return Reply(None, 204)
