"""The archive and the signer that settings name. Each kind is imported only when it is named."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from shared.ports import Archive, Signer
from shared.settings import Settings


def archive_at(address: str, settings: Settings) -> Archive:
    """Open the archive at ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``file:///path``."""
    place = urlsplit(address)
    prefix = place.path.strip("/")
    folder = f"{prefix}/" if prefix else ""
    if place.scheme == "s3":
        from shared.adapters.archive.aws import aws_client
        from shared.adapters.archive.s3 import Bucket, S3Archive

        bucket = Bucket(place.netloc, folder, settings.aws_region)
        client = aws_client(settings, "s3")
        return S3Archive(bucket, client, retention_days=settings.archive_retention_days)
    if place.scheme == "gs":
        from shared.adapters.archive.gcs import GcsArchive

        return GcsArchive(place.netloc, folder, settings.storage_url)
    from shared.adapters.archive.folder import FolderArchive

    return FolderArchive(Path(unquote(place.path)))


def signer(key: str, settings: Settings) -> Signer:
    """Create the signer for a key in AWS KMS."""
    from shared.adapters.archive.aws import aws_client
    from shared.adapters.archive.kms import KmsSigner

    return KmsSigner(key, aws_client(settings, "kms"))
