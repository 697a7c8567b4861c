"""The archive in Amazon S3. Loaded by the function that exports, and by the operator's terminal.

An object is one PutObject that succeeds only where there is none (``If-None-Match``): S3 keeps it
whole or not at all. A bucket with Object Lock keeps it for as long as its own rule says; where it
has no rule, for ``retention_days``.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own word
    HTTPClientError,
    NoCredentialsError,
)

from shared.adapters.archive.aws import AWS_PASSING, aws_fault
from shared.domain.errors import TryAgain
from shared.ports import ArchiveFault, Put

_THERE = {"PreconditionFailed"}
_RACING = {"ConditionalRequestConflict", "OperationAborted"}
_MISSING = {"NoSuchKey", "404"}
_NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Bucket of S3 with a prefix, which is empty or ends with a slash."""

    name: str
    prefix: str = ""
    region: str = ""


class S3Archive:
    """An archive in one bucket; ``client`` is boto3's, for S3."""

    def __init__(
        self,
        bucket: Bucket,
        client: Any,
        *,
        retention_days: int = 365,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bucket = bucket
        self._client = client
        self._retention = timedelta(days=retention_days)
        self._now = now

    def put_new(self, name: str, content: bytes) -> Put:
        kept = self._lock_of_each()
        try:
            with self._speaking():
                self._client.put_object(
                    Bucket=self._bucket.name,
                    Key=self._bucket.prefix + name,
                    Body=content,
                    IfNoneMatch="*",
                    ContentType="application/gzip" if name.endswith(".gz") else "application/json",
                    **kept,
                )
        except ClientError as refused:
            if _code(refused) in _THERE:
                return Put.ALREADY_THERE
            raise self._fault(refused) from refused
        return Put.WRITTEN

    def get(self, name: str) -> bytes | None:
        try:
            with self._speaking():
                answer = self._client.get_object(
                    Bucket=self._bucket.name, Key=self._bucket.prefix + name
                )
                content: bytes = answer["Body"].read()
        except ClientError as refused:
            if _code(refused) in _MISSING:
                return None
            raise self._fault(refused) from refused
        return content

    def names(self, prefix: str = "") -> Iterator[str]:
        begin, cut = self._bucket.prefix + prefix, len(self._bucket.prefix)
        more: dict[str, str] = {}
        while True:
            try:
                with self._speaking():
                    page = self._client.list_objects_v2(
                        Bucket=self._bucket.name, Prefix=begin, **more
                    )
            except ClientError as refused:
                raise self._fault(refused) from refused
            yield from (each["Key"][cut:] for each in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _lock_of_each(self) -> Mapping[str, object]:
        if not self._must_lock:
            return {}
        until = self._now() + self._retention
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}

    @cached_property
    def _must_lock(self) -> bool:
        """Need for a lock on each object: the bucket has Object Lock, but no default retention."""
        try:
            with self._speaking():
                answer = self._client.get_object_lock_configuration(Bucket=self._bucket.name)
        except ClientError as refused:
            if _code(refused) in _NO_LOCK:
                return False
            raise self._fault(refused) from refused
        lock = answer.get("ObjectLockConfiguration", {})
        return lock.get("ObjectLockEnabled") == "Enabled" and "Rule" not in lock

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Convert errors that are no answers of S3."""
        try:
            yield
        except NoCredentialsError:
            raise ArchiveFault(
                "noCredentials",
                "there are no credentials for AWS",
                "Set FANFARE_AWS_ROLE_ARN where the functions run; at a terminal, sign in to AWS.",
            ) from None
        except (ConnectionError, HTTPClientError) as cut:
            raise TryAgain(f"S3 cannot be reached: {type(cut).__name__}") from cut
        except BotoCoreError as fault:
            raise TryAgain(f"S3 cannot be used right now: {type(fault).__name__}") from fault

    def _fault(self, refused: ClientError) -> Exception:
        code, status = _code(refused), _status(refused)
        if code in AWS_PASSING or code in _RACING or status >= 500:
            return TryAgain(f"S3 asks to come again: {code}")
        bucket = self._bucket
        match code:
            case "NoSuchBucket":
                return ArchiveFault(
                    "missing",
                    f"there is no bucket {bucket.name}",
                    "Create it, with Object Lock, or correct FANFARE_ARCHIVE.",
                )
            case (
                "PermanentRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraint"
                | "MovedPermanently"
                | "TemporaryRedirect"
                | "301"
            ):
                return ArchiveFault(
                    "wrongRegion",
                    f"the bucket {bucket.name} is not in {bucket.region}",
                    f"Set FANFARE_AWS_REGION to {_region_of(refused) or 'the region it is in'}.",
                )
        return aws_fault(code, f"S3 does not let us use the bucket {bucket.name}")


def _code(refused: ClientError) -> str:
    return str(refused.response.get("Error", {}).get("Code", ""))


def _status(refused: ClientError) -> int:
    return int(refused.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _region_of(refused: ClientError) -> str:
    headers = refused.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    told = refused.response.get("Error", {}).get("Region", "")
    return str(headers.get("x-amz-bucket-region") or told)
