"""The archive of what ended: off until the settings say where it is."""

from functools import cached_property

from shared.ports import Archive, Exports, Signer
from shared.wiring.ground import Ground


class ArchiveParts(Ground):
    """S3, Cloud Storage or a folder; in Firestore what is still to be exported."""

    @cached_property
    def archive(self) -> Archive | None:
        """Where FANFARE_ARCHIVE says; ``None`` when it says nothing."""
        if self.settings.archive is None:
            return None
        from shared.adapters.archive.places import archive_at

        return archive_at(self.settings.archive, self.settings)

    @cached_property
    def signer(self) -> Signer | None:
        """``None`` when manifests are not signed."""
        if self.settings.archive_key is None:
            return None
        from shared.adapters.archive.places import signer

        return signer(self.settings.archive_key, self.settings)

    @cached_property
    def exports(self) -> Exports:
        from shared.adapters.firestore.exports import FirestoreExports

        return FirestoreExports(self._rest)
