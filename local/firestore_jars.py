"""Google's Firestore emulator by version: the name, size and SHA-256 of each jar, and its address.

The figures of the published ones are from the npm package ``firebase-tools``, file
``lib/emulator/downloadableEmulatorInfo.json``, of the releases named here (read on 2026-11-30); the
Java they need is what the Firebase CLI of that release asks for. 1.20.4 (15.11.0 to 15.15.0) is
missing because the SHA-256 published for it has 63 digits. The one of the Cloud SDK was measured;
it is published as a part of the SDK only, so it can be fetched from a mirror and nowhere else.

FETCHED is the nearest to the one of the Cloud SDK, on which all tests ran, and half the bytes of
those after it. Nobody of us could fetch any of the published ones yet.
"""

from dataclasses import dataclass

PUBLISHED_AT = "https://storage.googleapis.com/firebase-preview-drop/emulator"
MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


@dataclass(frozen=True, slots=True)
class Jar:
    """File of one release of the emulator."""

    version: str
    size: int
    sha256: str
    java: int
    is_published: bool = True
    """True if it can be fetched from Google under its name."""

    @property
    def name(self) -> str:
        """File name that the Firebase CLI gives."""
        return f"cloud-firestore-emulator-v{self.version}.jar"


JARS = {
    jar.version: jar
    for jar in (
        # firebase-tools 14.0.0 to 14.27.0
        Jar(
            "1.19.8",
            63_634_791,
            "9d43599ed6151199e8d604dc87fac51218e49e5f3a48519b1ae560bbe5e3382d",
            java=11,
        ),
        # Cloud SDK 528.0.0
        Jar(
            "1.19.9",
            53_443_727,
            "9cbcb624132d5de4d07cbc1c4f392e0b77aaf4ac0816187757897f0a6a3c182c",
            java=11,
            is_published=False,
        ),
        # firebase-tools 15.0.0 to 15.10.0
        Jar(
            "1.20.2",
            123_046_947,
            "4a117fc297b1441eac1b7756e80442e86ef88865b9e3caf6f59eabf83da574f8",
            java=21,
        ),
        # firebase-tools 15.17.0 to 15.23.0
        Jar(
            "1.21.0",
            138_093_843,
            "c3d3680a89d946a90a027365ea14c26c6472a162bcf37f099bbb1ebd66d25e8e",
            java=21,
        ),
        # firebase-tools 15.25.1 to 15.34.2
        Jar(
            "1.22.0",
            136_707_194,
            "9b6498b7f62714d67f48f59b3818883cd682dbcd46b9f59511de81c97bb5166c",
            java=21,
        ),
    )
}
FETCHED = JARS["1.19.8"]
