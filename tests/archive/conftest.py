"""Archives of every kind, which keep the same promises: memory, folder, S3, Cloud Storage."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local.emulators.background import ServedApp
from shared.adapters.archive.aws import aws_client
from shared.adapters.archive.folder import FolderArchive
from shared.adapters.archive.gcs import GcsArchive
from shared.adapters.archive.places import archive_at
from shared.adapters.memory.archive import MemoryArchive
from shared.ports import Archive
from shared.settings import Settings, read
from tests.archive.wire import CloudStorage, Metadata, Weather

REGION = "eu-west-1"
KINDS = ("memory", "folder", "s3", "s3-locked", "gcs")


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Serve AWS's services by moto; yield the base URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@dataclass(frozen=True)
class Aws:
    """AWS behind its weather, and the identity we have there."""

    weather: Weather
    metadata: Metadata
    settings: Settings
    admin: Callable[[str], Any]
    """A client that goes past the weather, with every right."""

    def bucket(
        self, name: str, *, lock: bool = False, rule: Mapping[str, Any] | None = None
    ) -> str:
        """Create a bucket; with Object Lock, and perhaps with a rule for how long."""
        s3 = self.admin("s3")
        s3.create_bucket(
            Bucket=name,
            CreateBucketConfiguration={"LocationConstraint": REGION},
            ObjectLockEnabledForBucket=lock,
        )
        if rule:
            s3.put_object_lock_configuration(
                Bucket=name,
                ObjectLockConfiguration={
                    "ObjectLockEnabled": "Enabled",
                    "Rule": {"DefaultRetention": dict(rule)},
                },
            )
        return name

    def archive(self, bucket: str, prefix: str = "prod") -> Archive:
        return archive_at(f"s3://{bucket}/{prefix}", self.settings)

    def client(self, service: str) -> Any:
        """Create a client as the functions do."""
        return aws_client(self.settings, service)


@pytest.fixture
def aws(moto: str) -> Iterator[Aws]:
    weather, metadata = Weather(moto), Metadata()

    def admin(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=moto,
            region_name=REGION,
            aws_access_key_id="admin",
            aws_secret_access_key="admin",
        )

    with ServedApp(weather.app()) as front, ServedApp(metadata.app()) as google:
        settings = read(
            {
                "GOOGLE_CLOUD_PROJECT": "demo-archive",
                "AWS_ENDPOINT_URL": front.url,
                "GCE_METADATA_HOST": google.address,
                "FANFARE_AWS_REGION": REGION,
                "FANFARE_AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/fanfare-archive",
            }
        )
        yield Aws(weather, metadata, settings, admin)


@pytest.fixture
def storage() -> Iterator[tuple[CloudStorage, str]]:
    """Serve Cloud Storage; yield its base URL."""
    played = CloudStorage()
    with ServedApp(played.app()) as served:
        yield played, served.url


@pytest.fixture
def fresh_name(request: pytest.FixtureRequest) -> str:
    """Name a bucket that no other test has."""
    return f"b{abs(hash(request.node.nodeid)):x}"[:40]


@pytest.fixture(params=KINDS)
def archive(request: pytest.FixtureRequest, tmp_path: Path, fresh_name: str) -> Iterator[Archive]:
    match request.param:
        case "memory":
            yield MemoryArchive()
        case "folder":
            yield FolderArchive(tmp_path / "archive")
        case "gcs":
            _, url = request.getfixturevalue("storage")
            gcs = GcsArchive("archive", "prod/", url)
            yield gcs
            gcs.close()
        case kind:
            aws: Aws = request.getfixturevalue("aws")
            yield aws.archive(aws.bucket(fresh_name, lock=kind == "s3-locked"))
