"""S3, the role and the key on the wire: what each refusal comes to, and that nothing is lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from shared.adapters.archive.aws import WebIdentity, aws_session
from shared.adapters.archive.kms import KmsSigner
from shared.adapters.archive.s3 import Bucket, S3Archive
from shared.domain.archive.manifest import Signature, read
from shared.domain.errors import TryAgain
from shared.ports import ArchiveFault, Put
from shared.settings import SettingsError
from shared.settings import read as read_settings
from tests.archive.conftest import REGION, Aws
from tests.archive.parts import N1, N2, World

ROLE = "arn:aws:iam::123456789012:role/fanfare-archive"


def fault(call: Any) -> ArchiveFault:
    with pytest.raises(ArchiveFault) as told:
        call()
    return told.value


# ---- bad weather ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "happens", ["503 SlowDown", "500 InternalError", "cut", "cut midway", "cut after"]
)
def test_a_fault_that_passes_is_waited_out(aws: Aws, fresh_name: str, happens: str) -> None:
    archive = aws.archive(aws.bucket(fresh_name))
    aws.weather.faults += [(happens, "PUT")]
    came = archive.put_new("a", b"content")
    assert came is (Put.ALREADY_THERE if happens == "cut after" else Put.WRITTEN)
    assert archive.get("a") == b"content"


@pytest.mark.parametrize("happens", ["503 SlowDown", "cut", "cut midway"])
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_fault_that_stays_is_told_as_one_that_passes(
    aws: Aws, fresh_name: str, happens: str, method: str
) -> None:
    archive = aws.archive(aws.bucket(fresh_name))
    assert archive.put_new("b", b"content" * 9_999) is Put.WRITTEN
    aws.weather.faults = [(happens, method)] * 9
    with pytest.raises(TryAgain):
        archive.put_new("a", b"content") if method == "PUT" else archive.get("b")
    aws.weather.faults = []
    assert archive.put_new("a", b"content") is Put.WRITTEN
    assert archive.get("b") == b"content" * 9_999


def test_an_export_through_bad_weather_is_exact(aws: Aws, fresh_name: str) -> None:
    archive = aws.archive(aws.bucket(fresh_name))
    world = World(archive=archive)
    world.ended(N1, devices=45, size=1)
    faults = ["cut after", "503 SlowDown", "cut"] * 4
    aws.weather.faults = [(each, "PUT") for each in faults]
    for _ in range(30):
        try:
            world.export(N1)
        except TryAgain:
            continue
        break
    aws.weather.faults = []
    world.next_day()
    world.close_day()
    report = world.verify(deep=True)
    assert (report.wrong, report.objects) == ([], 5)


@pytest.mark.parametrize(
    ("happens", "code", "remedy"),
    [
        ("404 NoSuchBucket", "missing", "Create it"),
        ("403 AccessDenied", "denied", "the role's policy"),
        ("301 PermanentRedirect eu-north-1", "wrongRegion", "FANFARE_AWS_REGION to eu-north-1"),
        ("400 AuthorizationHeaderMalformed us-east-2", "wrongRegion", "to us-east-2"),
        ("403 RequestTimeTooSkewed", "clockSkew", "clock right"),
        ("400 ExpiredToken", "expired", "the next try brings a new one"),
        ("400 InvalidRequest", "refused", "docs/archive.md"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_what_an_operator_must_mend_is_told_with_its_remedy(
    aws: Aws, fresh_name: str, happens: str, code: str, remedy: str, method: str
) -> None:
    archive = aws.archive(aws.bucket(fresh_name))
    archive.get("a")
    aws.weather.faults = [(happens, method)] * 9
    told = fault(lambda: archive.put_new("a", b"") if method == "PUT" else archive.get("a"))
    assert told.code == code
    assert remedy in told.remedy
    aws.weather.faults = []
    assert archive.put_new("a", b"") is Put.WRITTEN


def test_a_bucket_that_is_not_there_is_named(aws: Aws) -> None:
    told = fault(lambda: aws.archive("no-such-bucket").put_new("a", b""))
    assert (told.code, "no-such-bucket" in str(told)) == ("missing", True)


def test_a_race_for_a_name_is_a_matter_of_trying_again(aws: Aws, fresh_name: str) -> None:
    archive = aws.archive(aws.bucket(fresh_name))
    archive.get("a")
    aws.weather.faults = [("409 ConditionalRequestConflict", "PUT")]
    with pytest.raises(TryAgain):
        archive.put_new("a", b"")


@pytest.mark.slow
def test_every_page_of_names_is_read(aws: Aws, fresh_name: str) -> None:
    archive = aws.archive(aws.bucket(fresh_name))
    s3 = aws.admin("s3")
    for number in range(1_003):
        s3.put_object(Bucket=fresh_name, Key=f"prod/a/{number:04d}", Body=b"")
    s3.put_object(Bucket=fresh_name, Key="elsewhere", Body=b"")
    assert list(archive.names()) == [f"a/{n:04d}" for n in range(1_003)]


def test_a_half_written_object_is_told_and_nothing_is_written_over_it(
    aws: Aws, fresh_name: str
) -> None:
    bucket = aws.bucket(fresh_name)
    world, other = World(archive=aws.archive(bucket)), World()
    for it in (world, other):
        it.ended()
    other.export()
    name, whole = min(other.archive.objects.items())
    s3 = aws.admin("s3")
    s3.put_object(Bucket=bucket, Key=f"prod/{name}", Body=whole[:30])
    told = fault(world.export)
    assert (told.code, name in str(told)) == ("damagedObject", True)
    assert world.archive.get(name) == whole[:30]
    s3.delete_object(Bucket=bucket, Key=f"prod/{name}")
    world.export()
    world.next_day()
    world.close_day()
    assert world.codes(deep=True) == set()


# ---- Object Lock ---------------------------------------------------------------------------------


def locks(aws: Aws) -> list[str]:
    """List what PutObject asked of Object Lock; moto keeps it, and cannot be asked for it."""
    return [each for each in aws.weather.locks if each]


def test_where_the_bucket_locks_an_object_is_kept_and_cannot_be_deleted(
    aws: Aws, fresh_name: str
) -> None:
    archive = aws.archive(aws.bucket(fresh_name, lock=True))
    archive.put_new("a", b"for ever")
    ((mode, until),) = (each.split(" ") for each in locks(aws))
    left = datetime.fromisoformat(until) - datetime.now(UTC)
    assert mode == "COMPLIANCE"
    assert timedelta(days=364) < left <= timedelta(days=366)
    s3 = aws.admin("s3")
    (version,) = s3.list_object_versions(Bucket=fresh_name)["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=fresh_name, Key="prod/a", VersionId=version["VersionId"])
    assert archive.get("a") == b"for ever"


def test_an_object_hidden_by_a_delete_marker_is_missed_and_still_there(
    aws: Aws, fresh_name: str
) -> None:
    world = World(archive=aws.archive(aws.bucket(fresh_name, lock=True)))
    world.clock.set(datetime.now(UTC))
    world.archived()
    name = next(iter(world.archive.names("kind=outcomes/")))
    s3 = aws.admin("s3")
    s3.delete_object(Bucket=fresh_name, Key=f"prod/{name}")
    assert "missing" in world.codes()
    versions = s3.list_object_versions(Bucket=fresh_name, Prefix=f"prod/{name}")
    (marker,) = versions["DeleteMarkers"]
    s3.delete_object(Bucket=fresh_name, Key=f"prod/{name}", VersionId=marker["VersionId"])
    assert world.codes() == set()


def test_a_buckets_own_rule_is_left_to_the_bucket(aws: Aws, fresh_name: str) -> None:
    bucket = aws.bucket(fresh_name, lock=True, rule={"Mode": "GOVERNANCE", "Days": 7})
    assert aws.archive(bucket).put_new("a", b"") is Put.WRITTEN
    assert locks(aws) == []


def test_a_bucket_without_a_lock_takes_objects_as_well(aws: Aws, fresh_name: str) -> None:
    assert aws.archive(aws.bucket(fresh_name)).put_new("a", b"") is Put.WRITTEN
    assert locks(aws) == []


# ---- the role ------------------------------------------------------------------------------------


def test_requests_are_signed_with_what_google_s_word_was_exchanged_for(
    aws: Aws, fresh_name: str
) -> None:
    archive = aws.archive(aws.bucket(fresh_name))
    archive.put_new("a", b"")
    archive.put_new("b", b"")
    assert aws.metadata.tokens == 1
    sts, *s3 = aws.weather.authorized
    assert sts == ""
    assert all("Credential=ASIA" in each or "Credential=" in each for each in s3)
    assert not any("admin" in each for each in s3)


def test_credentials_are_renewed_a_quarter_of_an_hour_before_they_end(aws: Aws) -> None:
    now = [datetime.now(UTC)]
    credentials = WebIdentity(ROLE, aws.settings, lambda: now[0]).load()
    first = credentials.get_frozen_credentials().access_key
    now[0] += timedelta(minutes=44)
    assert credentials.get_frozen_credentials().access_key == first
    now[0] += timedelta(minutes=2)
    assert credentials.get_frozen_credentials().access_key != first
    assert aws.metadata.tokens == 2


@pytest.mark.parametrize("wrong", ["audience", "subject"])
def test_another_audience_or_subject_does_not_get_the_role(
    aws: Aws, fresh_name: str, wrong: str
) -> None:
    bucket = aws.bucket(fresh_name)
    settings = aws.settings
    if wrong == "audience":
        settings = settings.model_copy(update={"archive_audience": "another-service"})
    else:
        aws.metadata.subject = "another account"
    archive = replace(aws, settings=settings).archive(bucket)
    told = fault(lambda: archive.put_new("a", b""))
    assert told.code == "identityRefused"
    assert "trust policy" in told.remedy


@pytest.mark.parametrize(
    ("happens", "code", "remedy"),
    [
        ("400 ExpiredTokenException", "expired", "our clock is behind"),
        ("403 AccessDenied", "identityRefused", "trust policy"),
        ("400 IDPRejectedClaim", "identityRefused", "trust policy"),
    ],
)
def test_a_role_that_is_not_given_is_told_with_its_remedy_and_asked_for_again(
    aws: Aws, fresh_name: str, happens: str, code: str, remedy: str
) -> None:
    archive = aws.archive(aws.bucket(fresh_name))
    aws.weather.faults = [(happens, "POST")]
    told = fault(lambda: archive.put_new("a", b""))
    assert (told.code, remedy in told.remedy) == (code, True)
    assert archive.put_new("a", b"") is Put.WRITTEN


def test_without_a_metadata_server_there_is_no_identity_yet(aws: Aws, fresh_name: str) -> None:
    bucket = aws.bucket(fresh_name)
    aws.metadata.status = 503
    with pytest.raises(TryAgain):
        aws.archive(bucket).put_new("a", b"")
    aws.metadata.status = 404
    assert fault(lambda: aws.archive(bucket).put_new("a", b"")).code == "noIdentity"


def test_keys_of_aws_in_the_environment_are_not_used(
    aws: Aws, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFAPERSON")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    aws.archive(aws.bucket(fresh_name)).put_new("a", b"")
    assert not any("AKIAOFAPERSON" in each for each in aws.weather.authorized)


def test_on_cloud_run_without_a_role_nothing_is_tried() -> None:
    settings = read_settings({"GOOGLE_CLOUD_PROJECT": "fanfare-prod", "K_SERVICE": "export-events"})
    told = fault(lambda: aws_session(settings))
    assert (told.code, "FANFARE_AWS_ROLE_ARN" in told.remedy) == ("noCredentials", True)


def test_at_a_terminal_that_is_not_signed_in_it_is_said_what_to_do(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, fresh_name: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    alone = replace(aws, settings=aws.settings.model_copy(update={"aws_role": None}))
    archive = alone.archive(aws.bucket(fresh_name))
    assert fault(lambda: archive.get("a")).code == "noCredentials"


# ---- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST", "GCE_METADATA_HOST"])
def test_emulators_are_refused_outside_demo_projects(name: str) -> None:
    address = "127.0.0.1:1" if name == "GCE_METADATA_HOST" else "http://127.0.0.1:1"
    with pytest.raises(SettingsError, match=name):
        read_settings({"GOOGLE_CLOUD_PROJECT": "fanfare-prod", name: address})


@pytest.mark.parametrize(
    "address", ["ftp://a/b", "s3://", "bucket", "s3://UPPER/x", "https://a", "file://x"]
)
def test_an_archive_must_be_an_address(address: str) -> None:
    with pytest.raises(SettingsError, match="FANFARE_ARCHIVE"):
        read_settings({"GOOGLE_CLOUD_PROJECT": "demo-a", "FANFARE_ARCHIVE": address})


def test_a_folder_is_refused_on_cloud_run() -> None:
    with pytest.raises(SettingsError, match="gone with its instance"):
        read_settings(
            {
                "GOOGLE_CLOUD_PROJECT": "fanfare-prod",
                "FANFARE_ARCHIVE": "file:///tmp/x",
                "K_SERVICE": "tick",
            }
        )


# ---- the key -------------------------------------------------------------------------------------


def a_key(aws: Aws, spec: str) -> str:
    made = aws.admin("kms").create_key(KeyUsage="SIGN_VERIFY", KeySpec=spec)
    return str(made["KeyMetadata"]["Arn"])


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256"])
def test_manifests_are_signed_and_anybody_with_the_public_key_can_check_it(
    aws: Aws, fresh_name: str, spec: str
) -> None:
    key = a_key(aws, spec)
    signer = KmsSigner(key, aws.client("kms"))
    world = World(archive=aws.archive(aws.bucket(fresh_name)), signer=signer).archived()
    assert world.codes() == set()
    text = world.archive.get("kind=manifests/00000001.json")
    manifest = read(text)
    assert manifest.signature is not None
    assert manifest.signature.key == key
    forged = replace(manifest, objects=()).sealed()
    assert not signer.verifies(forged.hash.encode(), manifest.signature)
    _check_apart(aws, key, manifest.hash.encode(), manifest.signature)


def _check_apart(aws: Aws, key: str, text: bytes, signature: Signature) -> None:
    """Verify without AWS, as docs/archive.md shows it."""
    import base64

    public = load_der_public_key(aws.admin("kms").get_public_key(KeyId=key)["PublicKey"])
    value = base64.b64decode(signature.value)
    if isinstance(public, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
        public.verify(value, text, pss, hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(value, text, ec.ECDSA(hashes.SHA256()))


def test_a_signature_of_another_key_or_of_none_is_no_signature(aws: Aws) -> None:
    ours = KmsSigner(a_key(aws, "ECC_NIST_P256"), aws.client("kms"))
    theirs = KmsSigner(a_key(aws, "ECC_NIST_P256"), aws.client("kms"))
    signature = theirs.sign(b"text")
    assert theirs.verifies(b"text", signature)
    assert not ours.verifies(b"text", signature)
    assert not ours.verifies(b"text", replace(signature, value="%%%"))
    assert not ours.verifies(b"text", replace(signature, algorithm="NONE"))
    assert not theirs.verifies(b"text", replace(signature, key="another"))


def test_a_key_that_cannot_sign_is_refused_with_what_would(aws: Aws) -> None:
    made = aws.admin("kms").create_key(KeyUsage="ENCRYPT_DECRYPT", KeySpec="RSA_2048")
    signer = KmsSigner(made["KeyMetadata"]["KeyId"], aws.client("kms"))
    assert fault(lambda: signer.sign(b"text")).code == "wrongKey"


@pytest.mark.parametrize(
    ("happens", "code", "remedy"),
    [
        ("400 DisabledException", "keyOff", "Enable it"),
        ("400 KMSInvalidStateException", "keyOff", "cancel its deletion"),
        ("400 AccessDeniedException", "denied", "key's own"),
        ("400 InvalidSignatureException", "clockSkew", "clock right"),
    ],
)
def test_a_key_that_may_not_be_used_stops_the_chain_with_its_remedy_and_nothing_is_lost(
    aws: Aws, fresh_name: str, happens: str, code: str, remedy: str
) -> None:
    signer = KmsSigner(a_key(aws, "ECC_NIST_P256"), aws.client("kms"))
    world = World(archive=aws.archive(aws.bucket(fresh_name)), signer=signer).archived()
    world.ended(N2)
    world.export(N2)
    world.next_day()
    aws.weather.faults = [(happens, "POST")]
    told = fault(world.close_day)
    assert (told.code, remedy in told.remedy) == (code, True)
    assert len(list(world.archive.names("kind=manifests/"))) == 1
    world.close_day()
    assert world.codes() == set()


def test_a_key_that_is_asked_too_often_is_a_matter_of_trying_again(aws: Aws) -> None:
    signer = KmsSigner(a_key(aws, "ECC_NIST_P256"), aws.client("kms"))
    aws.weather.faults = [("400 ThrottlingException", "POST")] * 9
    with pytest.raises(TryAgain):
        signer.sign(b"text")


def test_a_key_that_is_not_there_is_told_so(aws: Aws) -> None:
    key = f"arn:aws:kms:{REGION}:123456789012:key/00000000-0000-0000-0000-000000000000"
    signer = KmsSigner(key, aws.client("kms"))
    assert fault(lambda: signer.sign(b"text")).code == "missing"


def test_an_archive_made_by_hand_needs_no_settings(aws: Aws, fresh_name: str) -> None:
    bucket = Bucket(aws.bucket(fresh_name), region=REGION)
    archive = S3Archive(bucket, aws.admin("s3"))
    assert archive.put_new("a", b"") is Put.WRITTEN
    assert list(archive.names()) == ["a"]
