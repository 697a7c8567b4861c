"""Our credentials for AWS, and what its refusals mean. No AWS key is stored anywhere.

The function's own Google identity is exchanged for credentials of an hour: Google's metadata server
signs a token for one audience, and AWS's token service accepts it for one role. botocore renews
them fifteen minutes before they end.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from shared.domain.errors import TryAgain
from shared.ports import ArchiveFault
from shared.settings import Settings

METADATA_HOST = "metadata.google.internal"
SESSION = "fanfare-archive"
CALL_SECONDS = 20
ATTEMPTS = 3

AWS_PASSING = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "IDPCommunicationError",
        "KMSInternalException",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_SKEWED = {
    "InvalidSignatureException",  # how KMS says it: "Signature expired"
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException"}
_KEY_OFF = {"DisabledException", "KMSInvalidStateException"}
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "InvalidAccessKeyId"}
_IDENTITY = {
    "IDPRejectedClaim",
    "InvalidIdentityToken",
    "MalformedPolicyDocument",
}


def aws_session(settings: Settings) -> boto3.Session:
    """Create a session with the role, if there is one; else with the credentials of the operator's
    terminal.
    """
    session = Session()
    session.set_config_variable("region", settings.aws_region)
    if settings.aws_role:
        provider = WebIdentity(settings.aws_role, settings)
        session.register_component("credential_provider", CredentialResolver([provider]))
    elif settings.on_cloud_run:
        raise ArchiveFault(
            "noCredentials",
            "there is no role to take on in AWS",
            "Set FANFARE_AWS_ROLE_ARN: keys of AWS are not used here.",
        )
    return boto3.Session(botocore_session=session)


def aws_client(settings: Settings, service: str, session: boto3.Session | None = None) -> Any:
    """Create a client; only our own setting may change its endpoint, not what else boto3 reads from
    a machine.
    """
    return (session or aws_session(settings)).client(
        service,
        region_name=settings.aws_region,
        endpoint_url=settings.aws_url,
        config=_config(s3={"addressing_style": "path"} if settings.aws_url else {}),
    )


def _config(**more: Any) -> Config:
    return Config(
        connect_timeout=5,
        read_timeout=CALL_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        ignore_configured_endpoint_urls=True,
        **more,
    )


class WebIdentity(CredentialProvider):  # type: ignore[misc]
    """Provider of a role's credentials, in exchange for Google's identity token."""

    METHOD = CANONICAL_NAME = "fanfare-web-identity"

    def __init__(
        self,
        role: str,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        self._role = role
        self._settings = settings
        self._now = now

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(self._fetched, self.METHOD, time_fetcher=self._now)

    def _fetched(self) -> dict[str, str]:
        sts = boto3.Session().client(
            "sts",
            region_name=self._settings.aws_region,
            endpoint_url=self._settings.aws_url,
            config=_config(signature_version=UNSIGNED),
        )
        try:
            given = sts.assume_role_with_web_identity(
                RoleArn=self._role,
                RoleSessionName=SESSION,
                WebIdentityToken=identity_token(self._settings),
            )["Credentials"]
        except ClientError as refused:
            code = str(refused.response.get("Error", {}).get("Code", ""))
            what = f"AWS does not give us the role {self._role}"
            if code in _DENIED:  # refused by the role's conditions, not by a missing permission
                raise _identity_refused(what, code) from refused
            raise aws_fault(code, what) from refused
        except BotoCoreError as away:
            raise TryAgain("AWS's token service cannot be reached") from away
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }


def identity_token(settings: Settings) -> str:
    """Fetch Google's signed identity token of this function's account, for one audience."""
    host = settings.metadata_host or METADATA_HOST
    url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/identity"
    asked = {"audience": settings.archive_audience, "format": "full"}
    try:
        with httpx.Client(trust_env=False, timeout=5) as client:
            answer = client.get(url, params=asked, headers={"Metadata-Flavor": "Google"})
    except httpx.TransportError as away:
        raise TryAgain("Google's metadata server does not answer") from away
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise TryAgain("Google's metadata server has no identity token right now")
    token = answer.text.strip()
    if not answer.is_success or token.count(".") != 2:
        raise ArchiveFault(
            "noIdentity",
            "Google's metadata server gives no identity token",
            "Export where the functions run, under an account of its own.",
        )
    return token


def aws_fault(code: str, what: str) -> Exception:
    """Convert a refusal of AWS to an error of this project; ``what`` names what it prevents."""
    if code in AWS_PASSING:
        return TryAgain(f"{what} right now: {code}")
    if code in _SKEWED:
        return ArchiveFault(
            "clockSkew",
            f"{what}: our clock and AWS's differ ({code})",
            "Set this machine's clock right; on Cloud Run, deploy the function anew.",
        )
    if code in _EXPIRED:
        return ArchiveFault(
            "expired",
            f"{what}: our identity token or session had expired ({code})",
            "Nothing, if it happens once: the next try brings a new one. If it stays, our clock is "
            "behind: set it right; on Cloud Run, deploy the function anew.",
        )
    if code in _KEY_OFF:
        return ArchiveFault(
            "keyOff",
            f"{what}: it is disabled, or waits for its deletion ({code})",
            "Enable it, or cancel its deletion: old signatures cannot be checked without it.",
        )
    if code in _IDENTITY:
        return _identity_refused(what, code)
    if code in _DENIED:
        return ArchiveFault(
            "denied",
            f"{what}: {code}",
            "Compare the role's policy, and the bucket's or key's own, with docs/archive.md.",
        )
    return ArchiveFault("refused", f"{what}: {code}", "See docs/archive.md.")


def _identity_refused(what: str, code: str) -> ArchiveFault:
    return ArchiveFault(
        "identityRefused",
        f"{what}: it does not accept our identity token ({code})",
        "Compare audience and subject in the role's trust policy with docs/archive.md.",
    )
