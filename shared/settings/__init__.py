"""The environment, read once, typed, and refused with the name of what is wrong.

Anything that makes Fanfare trust less than Google's own services (emulators, unsigned tokens) is
accepted for projects named ``demo-…`` only, and never on Cloud Run.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

if TYPE_CHECKING:
    from shared.settings.credentials.model import PushCredentials

EMULATOR_VARIABLES = (
    "FIRESTORE_EMULATOR_HOST",
    "FIREBASE_AUTH_EMULATOR_HOST",
    "CLOUD_TASKS_BASE_URL",
    "FCM_BASE_URL",
    "GOOGLE_OAUTH_TOKEN_URL",
    "APNS_BASE_URL",
    "APNS_CA_FILE",
    "HMS_PUSH_BASE_URL",
    "HMS_OAUTH_URL",
    "TELEGRAM_BASE_URL",
    "FANFARE_LOCAL_WEB",
    "WEB_RISK_BASE_URL",
    "AWS_ENDPOINT_URL",
    "GCE_METADATA_HOST",
    "STORAGE_EMULATOR_HOST",
)


MOST_HANDLER_SECONDS = 1740
"""Cloud Tasks listens for 30 minutes at most, and a task's deadline is a minute after that of its
handler, so that the answer is still heard."""


class SettingsError(Exception):
    """Error that names every setting that is missing or malformed; start-up stops."""


def _host_and_port(value: str) -> str:
    host, _, port = value.removeprefix("http://").rstrip("/").rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        raise ValueError("must be HOST:PORT")
    return f"{host}:{port}"


def _base_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    try:
        parts = urlsplit(value)
        complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise ValueError("must be a complete address: http://HOST or http://HOST:PORT")
    return value.rstrip("/")


def _of_apple(value: SecretStr) -> SecretStr:
    from shared.settings.credentials.apns import ApnsCredentials

    return _usable(value, ApnsCredentials)


def _of_huawei(value: SecretStr) -> SecretStr:
    from shared.settings.credentials.hms import HmsAccount

    return _usable(value, HmsAccount)


def _usable(value: SecretStr, credentials: "type[PushCredentials]") -> SecretStr:
    """Pass a secret with which nothing is wrong as far as can be seen; show none in a fault."""
    from shared.settings.credentials import CredentialsRefused

    try:
        credentials.read(value.get_secret_value())
    except CredentialsRefused as refused:
        raise ValueError(str(refused)) from None
    return value


def _secret_like(form: str) -> Callable[[SecretStr], SecretStr]:
    """Create a check for a secret of this form; its error does not show the secret."""

    def checked(value: SecretStr) -> SecretStr:
        if not re.fullmatch(form, value.get_secret_value()):
            raise ValueError(f"must look like {form}")
        return value

    return checked


HostPort = Annotated[str, AfterValidator(_host_and_port)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
ThreatList = Annotated[str, Field(pattern=r"^(off|webrisk|local:.+)$")]
ArchiveUrl = Annotated[
    str, Field(pattern=r"^(s3|gs)://[a-z0-9][a-z0-9._-]+(/[A-Za-z0-9._=/-]*)?$|^file:///.+$")
]
BotToken = Annotated[SecretStr, AfterValidator(_secret_like(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,100}"))]
LogKey = Annotated[SecretStr, AfterValidator(_secret_like(r"[!-~]{32,256}"))]
WebhookSecret = Annotated[SecretStr, AfterValidator(_secret_like(r"[A-Za-z0-9_-]{16,256}"))]
AppleSecret = Annotated[SecretStr, AfterValidator(_of_apple)]
HuaweiSecret = Annotated[SecretStr, AfterValidator(_of_huawei)]
"""These secrets' contents are read with libraries that functions without them never load."""
Account = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
Demand = Literal["off", "required"]


class Settings(BaseModel):
    """Values that differ between the places where Fanfare runs. Aliases are variable names."""

    model_config = ConfigDict(frozen=True)

    project: str = Field(alias="GOOGLE_CLOUD_PROJECT", pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")
    region: str = Field("europe-west1", alias="FANFARE_REGION", pattern=r"^[a-z]+-[a-z]+[0-9]+$")
    functions_url: BaseUrl = Field("", alias="FANFARE_FUNCTIONS_URL", validate_default=False)
    tasks_account: Account | None = Field(None, alias="FANFARE_TASKS_ACCOUNT")
    events_account: Account | None = Field(None, alias="FANFARE_EVENTS_ACCOUNT")
    scheduler_account: Account | None = Field(None, alias="FANFARE_SCHEDULER_ACCOUNT")
    lease_seconds: int = Field(90, alias="FANFARE_LEASE_SECONDS", ge=1, le=1800)
    handler_seconds: int = Field(
        480, alias="FANFARE_HANDLER_SECONDS", ge=1, le=MOST_HANDLER_SECONDS
    )
    retry_base_seconds: float = Field(10.0, alias="FANFARE_RETRY_BASE_SECONDS", gt=0, le=600)
    iam_checks_tokens: bool = Field(False, alias="FANFARE_IAM_CHECKS_TOKENS")
    panel_origins: str = Field("", alias="FANFARE_PANEL_ORIGINS")
    mfa: Demand = Field("off", alias="FANFARE_MFA")
    app_check: Demand = Field("off", alias="FANFARE_APP_CHECK")
    log_key: LogKey | None = Field(None, alias="FANFARE_LOG_KEY")

    firestore_emulator: HostPort | None = Field(None, alias="FIRESTORE_EMULATOR_HOST")
    auth_emulator: HostPort | None = Field(None, alias="FIREBASE_AUTH_EMULATOR_HOST")
    cloud_tasks: HostPort | None = Field(None, alias="CLOUD_TASKS_BASE_URL")
    fcm_url: BaseUrl = Field("https://fcm.googleapis.com", alias="FCM_BASE_URL")
    oauth_token_url: BaseUrl | None = Field(None, alias="GOOGLE_OAUTH_TOKEN_URL")
    apns_url: BaseUrl | None = Field(None, alias="APNS_BASE_URL")
    apns_ca_file: str | None = Field(None, alias="APNS_CA_FILE")
    apns_credentials: AppleSecret | None = Field(None, alias="FANFARE_APNS_CREDENTIALS")
    hms_push_url: BaseUrl = Field("https://push-api.cloud.huawei.com", alias="HMS_PUSH_BASE_URL")
    hms_oauth_url: BaseUrl = Field(
        "https://oauth-login.cloud.huawei.com/oauth2/v3/token", alias="HMS_OAUTH_URL"
    )
    hms_credentials: HuaweiSecret | None = Field(None, alias="FANFARE_HMS_CREDENTIALS")
    local_web: str | None = Field(None, alias="FANFARE_LOCAL_WEB")
    threat_list: ThreatList = Field("off", alias="FANFARE_THREATS")
    web_risk_url: BaseUrl = Field("https://webrisk.googleapis.com", alias="WEB_RISK_BASE_URL")
    archive: ArchiveUrl | None = Field(None, alias="FANFARE_ARCHIVE")
    archive_audience: str = Field("fanfare-archive", alias="FANFARE_ARCHIVE_AUDIENCE")
    archive_key: str | None = Field(None, alias="FANFARE_ARCHIVE_KMS_KEY")
    archive_retention_days: int = Field(365, alias="FANFARE_ARCHIVE_RETENTION_DAYS", ge=1)
    aws_role: str | None = Field(
        None, alias="FANFARE_AWS_ROLE_ARN", pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"
    )
    aws_region: str = Field(
        "eu-west-1", alias="FANFARE_AWS_REGION", pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$"
    )
    aws_url: BaseUrl | None = Field(None, alias="AWS_ENDPOINT_URL")
    metadata_host: HostPort | None = Field(None, alias="GCE_METADATA_HOST")
    storage_url: BaseUrl | None = Field(None, alias="STORAGE_EMULATOR_HOST")
    telegram_url: BaseUrl = Field("https://api.telegram.org", alias="TELEGRAM_BASE_URL")
    telegram_bot_token: BotToken | None = Field(None, alias="FANFARE_TELEGRAM_BOT_TOKEN")
    telegram_webhook_secret: WebhookSecret | None = Field(
        None, alias="FANFARE_TELEGRAM_WEBHOOK_SECRET"
    )
    telegram_chat_id: int | None = Field(None, alias="FANFARE_TELEGRAM_CHAT_ID")
    on_cloud_run: str = Field("", alias="K_SERVICE")

    @model_validator(mode="after")
    def _emulators_stay_local(self) -> Self:
        if self.local and self.on_cloud_run:
            raise ValueError("a demo project must not run on Cloud Run")
        return self

    @model_validator(mode="after")
    def _archive_outlives_the_process(self) -> Self:
        if self.on_cloud_run and (self.archive or "").startswith("file:"):
            raise ValueError("FANFARE_ARCHIVE: on Cloud Run a folder is gone with its instance")
        return self

    @property
    def local(self) -> bool:
        """True for a demo project, where emulators and unsigned tokens are accepted."""
        return self.project.startswith("demo-")

    @property
    def has_bot(self) -> bool:
        """True if moderators have a chat with a bot in it."""
        return self.telegram_bot_token is not None and self.telegram_chat_id is not None

    @property
    def lease(self) -> timedelta:
        """The time for which a sender owns a batch without writing."""
        return timedelta(seconds=self.lease_seconds)

    def function_url(self, function: str) -> str:
        """Build the address of a deployed function, which is the audience of tokens meant for it.

        ``{function}`` in the setting stands for the name, as in Cloud Run's own addresses.
        """
        base = self.functions_url or f"https://{self.region}-{self.project}.cloudfunctions.net"
        if "{function}" in base:
            return base.replace("{function}", function)
        return f"{base}/{function}"

    def account(self, caller: str) -> str:
        """Return the service account of ``tasks``, ``events`` or ``scheduler``."""
        given = getattr(self, f"{caller}_account")
        return given or f"fanfare-{caller}@{self.project}.iam.gserviceaccount.com"


def read(environment: Mapping[str, str]) -> Settings:
    """Read settings from ``environment``. Raises ``SettingsError`` with every fault."""
    given = {name: value for name, value in environment.items() if value}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as faults:
        raise _stop(*_sentences(faults), *_misspelt(given)) from None
    if misspelt := _misspelt(given):
        raise _stop(*misspelt)
    forbidden = [name for name in EMULATOR_VARIABLES if name in given]
    if forbidden and not settings.local:
        raise SettingsError(
            f"{', '.join(forbidden)} must not be set for the project {settings.project}: stand-ins "
            "and unsigned tokens are accepted for projects named demo-… only"
        )
    return settings


@cache
def settings() -> Settings:
    """Return this process's settings."""
    return read(os.environ)


def _stop(*faults: str) -> SettingsError:
    return SettingsError(f"cannot start: {'; '.join(faults)}")


def _sentences(faults: ValidationError) -> Iterator[str]:
    for fault in faults.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in fault["loc"]) or "environment"
        sentence = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing":
            sentence = "is not set"
        elif fault["type"] == "string_pattern_mismatch":
            sentence = f"must look like {fault['ctx']['pattern']}"
        yield f"{name}: {sentence}"


def _misspelt(names: Iterable[str]) -> list[str]:
    """Find names that are nearly a setting's: they would be ignored, and the setting's default
    would hold.
    """
    known = [field.alias for field in Settings.model_fields.values() if field.alias]
    odd = [name for name in names if name.startswith("FANFARE_") and name not in known]
    nearest = [(name, get_close_matches(name, known, n=1, cutoff=0.8)) for name in odd]
    return [f"{name}: is no setting; perhaps {it[0]} is meant" for name, it in nearest if it]
