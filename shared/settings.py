"""The environment, read once, typed, and refused with the name of what is wrong.

Anything that makes Fanfare trust less than Google's own services (emulators, stand-ins, unsigned
tokens) is accepted for projects named ``demo-…`` only, and never on Cloud Run.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

STAND_INS = (
    "FIRESTORE_EMULATOR_HOST",
    "FIREBASE_AUTH_EMULATOR_HOST",
    "CLOUD_TASKS_BASE_URL",
    "FCM_BASE_URL",
    "GOOGLE_OAUTH_TOKEN_URL",
    "APNS_BASE_URL",
    "APNS_CA_FILE",
    "HMS_PUSH_BASE_URL",
    "HMS_OAUTH_URL",
)


class SettingsError(Exception):
    """Names every setting that is missing or malformed; start-up stops."""


def _host_and_port(value: str) -> str:
    host, _, port = value.removeprefix("http://").rstrip("/").rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("must be HOST:PORT")
    return f"{host}:{port}"


def _base_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/")


HostPort = Annotated[str, AfterValidator(_host_and_port)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Account = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]


class Settings(BaseModel):
    """Everything that differs between places where Fanfare runs. Aliases are variable names."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    project: str = Field(alias="GOOGLE_CLOUD_PROJECT", pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")
    region: str = Field("europe-west1", alias="FANFARE_REGION", pattern=r"^[a-z]+-[a-z]+\d+$")
    functions_url: BaseUrl = Field("", alias="FANFARE_FUNCTIONS_URL", validate_default=False)
    tasks_account: Account | None = Field(None, alias="FANFARE_TASKS_ACCOUNT")
    events_account: Account | None = Field(None, alias="FANFARE_EVENTS_ACCOUNT")
    scheduler_account: Account | None = Field(None, alias="FANFARE_SCHEDULER_ACCOUNT")
    lease_seconds: int = Field(90, alias="FANFARE_LEASE_SECONDS", ge=1, le=1800)
    handler_seconds: int = Field(480, alias="FANFARE_HANDLER_SECONDS", ge=1, le=1800)
    retry_base_seconds: float = Field(10.0, alias="FANFARE_RETRY_BASE_SECONDS", gt=0, le=600)
    iam_checks_tokens: bool = Field(False, alias="FANFARE_IAM_CHECKS_TOKENS")
    panel_origins: str = Field("", alias="FANFARE_PANEL_ORIGINS")

    firestore_emulator: HostPort | None = Field(None, alias="FIRESTORE_EMULATOR_HOST")
    auth_emulator: HostPort | None = Field(None, alias="FIREBASE_AUTH_EMULATOR_HOST")
    cloud_tasks: HostPort | None = Field(None, alias="CLOUD_TASKS_BASE_URL")
    fcm_url: BaseUrl = Field("https://fcm.googleapis.com", alias="FCM_BASE_URL")
    oauth_token_url: BaseUrl | None = Field(None, alias="GOOGLE_OAUTH_TOKEN_URL")
    apns_url: BaseUrl | None = Field(None, alias="APNS_BASE_URL")
    apns_ca_file: str | None = Field(None, alias="APNS_CA_FILE")
    apns_credentials: SecretStr | None = Field(None, alias="FANFARE_APNS_CREDENTIALS")
    hms_push_url: BaseUrl = Field("https://push-api.cloud.huawei.com", alias="HMS_PUSH_BASE_URL")
    hms_oauth_url: BaseUrl = Field(
        "https://oauth-login.cloud.huawei.com/oauth2/v3/token", alias="HMS_OAUTH_URL"
    )
    hms_credentials: SecretStr | None = Field(None, alias="FANFARE_HMS_CREDENTIALS")
    on_cloud_run: str = Field("", alias="K_SERVICE")

    @model_validator(mode="after")
    def _stand_ins_stay_local(self) -> Self:
        if self.local and self.on_cloud_run:
            raise ValueError("a demo project must not run on Cloud Run")
        return self

    @property
    def local(self) -> bool:
        """Whether this is a demo project, where stand-ins and unsigned tokens are accepted."""
        return self.project.startswith("demo-")

    @property
    def lease(self) -> timedelta:
        """How long a sender owns a batch without writing."""
        return timedelta(seconds=self.lease_seconds)

    def function_url(self, function: str) -> str:
        """Where a deployed function answers, and the audience of tokens meant for it.

        ``{function}`` in the setting stands for the name, as in Cloud Run's own addresses.
        """
        base = self.functions_url or f"https://{self.region}-{self.project}.cloudfunctions.net"
        if "{function}" in base:
            return base.replace("{function}", function)
        return f"{base}/{function}"

    def account(self, caller: str) -> str:
        """The service account of ``tasks``, ``events`` or ``scheduler``."""
        given = getattr(self, f"{caller}_account")
        return given or f"fanfare-{caller}@{self.project}.iam.gserviceaccount.com"


def read(environment: Mapping[str, str]) -> Settings:
    """Settings from ``environment``; raises ``SettingsError`` with every fault."""
    given = {name: value for name, value in environment.items() if value}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as faults:
        raise SettingsError(_told(faults)) from None
    forbidden = [name for name in STAND_INS if name in given]
    if forbidden and not settings.local:
        raise SettingsError(
            f"{', '.join(forbidden)} must not be set for the project {settings.project}: stand-ins "
            "and unsigned tokens are accepted for projects named demo-… only"
        )
    return settings


@cache
def settings() -> Settings:
    """This process's settings."""
    return read(os.environ)


def _told(faults: ValidationError) -> str:
    lines = []
    for fault in faults.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in fault["loc"]) or "environment"
        lines.append(f"{name}: {fault['msg']}")
    return "cannot start: " + "; ".join(lines)
