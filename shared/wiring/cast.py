"""The list of parts, in the order of ``shared/ports``. Verbs take theirs one by one, by name."""

from collections.abc import Mapping
from typing import Protocol

from shared.domain.device import AddressKind
from shared.ports import (
    Accounts,
    Archive,
    Audience,
    Chat,
    Clock,
    Devices,
    Exports,
    Identities,
    Lanes,
    Ledger,
    Moderators,
    Notifications,
    Posts,
    Providers,
    Rates,
    Retries,
    ReviewPolicies,
    RunMemory,
    Sender,
    Signer,
    Slots,
    Standings,
    StopSwitch,
    Tasks,
    Threats,
    Usage,
    Watch,
    Web,
)
from shared.settings import Settings


class Parts(Protocol):
    """Every port of the verbs, filled."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...

    # what is kept
    @property
    def notifications(self) -> Notifications: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def stop_switch(self) -> StopSwitch: ...
    @property
    def watch(self) -> Watch: ...

    # who calls
    @property
    def identities(self) -> Identities: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def standings(self) -> Standings: ...
    @property
    def rates(self) -> Rates: ...

    # how it is sent
    @property
    def audience(self) -> Audience: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def lanes(self) -> Lanes: ...
    @property
    def slots(self) -> Slots: ...
    @property
    def senders(self) -> Mapping[AddressKind, Sender]: ...
    @property
    def retries(self) -> Retries: ...
    @property
    def memory(self) -> RunMemory: ...
    @property
    def tasks(self) -> Tasks: ...

    # how it is moderated
    @property
    def web(self) -> Web: ...
    @property
    def threats(self) -> Threats: ...
    @property
    def review_policies(self) -> ReviewPolicies: ...
    @property
    def moderators(self) -> Moderators: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def posts(self) -> Posts: ...
    @property
    def chat(self) -> Chat | None: ...

    # what is archived
    @property
    def archive(self) -> Archive | None: ...
    @property
    def signer(self) -> Signer | None: ...
    @property
    def exports(self) -> Exports: ...
