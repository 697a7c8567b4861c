"""Signatures of manifests, made by a key in AWS KMS that never leaves it."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from shared.adapters.archive.aws import aws_fault
from shared.domain.archive.manifest import Signature
from shared.domain.errors import TryAgain
from shared.ports import ArchiveFault

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class KmsSigner:
    """Asymmetric key in AWS KMS, for RSA-PSS or ECDSA with SHA-256, whichever it is made for.

    KMS signs; signatures are checked here, with the public key.
    """

    ALGORITHMS = ("RSASSA_PSS_SHA_256", "ECDSA_SHA_256")

    def __init__(self, key: str, client: Any) -> None:
        self._key = key
        self._client = client
        self._public: PublicKey | None = None
        self._names = {key}

    def sign(self, text: bytes) -> Signature:
        algorithm = self._its_algorithm()
        answer = self._call(
            lambda: self._client.sign(
                KeyId=self._key, Message=text, MessageType="RAW", SigningAlgorithm=algorithm
            )
        )
        value = base64.b64encode(answer["Signature"]).decode()
        return Signature(answer["KeyId"], algorithm, value)

    def verifies(self, text: bytes, signature: Signature) -> bool:
        try:
            value = base64.b64decode(signature.value, validate=True)
            public = self._public_key()
            if isinstance(public, rsa.RSAPublicKey):
                pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
                public.verify(value, text, pss, hashes.SHA256())
            else:
                public.verify(value, text, ec.ECDSA(hashes.SHA256()))
        except (ValueError, InvalidSignature):
            return False
        return signature.algorithm == self._its_algorithm() and signature.key in self._names

    def _its_algorithm(self) -> str:
        of_rsa, of_curves = self.ALGORITHMS
        return of_rsa if isinstance(self._public_key(), rsa.RSAPublicKey) else of_curves

    def _public_key(self) -> PublicKey:
        """Fetch the public key once; with it anybody can check a signature, and nobody can make
        one.
        """
        if self._public is None:
            answer = self._call(lambda: self._client.get_public_key(KeyId=self._key))
            self._public = _signing_key(answer)
            self._names.add(str(answer.get("KeyId", "")))
        return self._public

    def _call(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (ClientError, BotoCoreError) as fault:
            raise self._fault(fault) from fault

    def _fault(self, fault: Exception) -> Exception:
        if not isinstance(fault, ClientError):
            return TryAgain(f"KMS cannot be reached: {type(fault).__name__}")
        code = str(fault.response.get("Error", {}).get("Code", ""))
        if code == "NotFoundException":
            return ArchiveFault(
                "missing",
                "there is no key as in FANFARE_ARCHIVE_KMS_KEY",
                "Correct it, or create the key.",
            )
        return aws_fault(code, "KMS does not let us use the signing key")


def _signing_key(answer: Mapping[str, Any]) -> PublicKey:
    public = load_der_public_key(answer["PublicKey"])
    if isinstance(public, PublicKey) and answer.get("KeyUsage") == "SIGN_VERIFY":
        return public
    raise ArchiveFault(
        "wrongKey",
        "the key in FANFARE_ARCHIVE_KMS_KEY does not sign",
        "Use one of kind SIGN_VERIFY: RSA_2048 or more, or ECC_NIST_P256.",
    )
