"""Senders given from the start, by app and push service."""

from collections.abc import Mapping

from shared.domain.audience.device import DEFAULT_APP, AddressKind, AppId
from shared.ports import Sender


class MemorySenders:
    """``Senders`` given for the default app; those of other apps are put into ``by_app``."""

    def __init__(self, senders: Mapping[AddressKind, Sender] | None = None) -> None:
        self.by_app: dict[AppId, dict[AddressKind, Sender]] = {DEFAULT_APP: dict(senders or {})}

    @property
    def default(self) -> dict[AddressKind, Sender]:
        """Those of the default app."""
        return self.by_app[DEFAULT_APP]

    def of(self, app: AppId, kind: AddressKind) -> Sender | None:
        return self.by_app.get(app, {}).get(kind)
