"""How a notification is sent: to which devices, in which tasks, over which push services."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

from shared.domain.device import AddressKind
from shared.domain.retry import RetryPolicy
from shared.ports import Audience, Lanes, Ledger, Retries, RunMemory, Sender, Slots, Tasks
from shared.wiring.cast import Parts
from shared.wiring.ground import Ground

if TYPE_CHECKING:
    from pydantic import SecretStr


class FanOutParts(Ground):
    """Firestore for the plan and its ledger, Cloud Tasks, and the push services."""

    @cached_property
    def audience(self) -> Audience:
        from shared.adapters.firestore.audience import FirestoreAudience

        return FirestoreAudience(self._rest)

    @cached_property
    def ledger(self) -> Ledger:
        from shared.adapters.firestore.ledger import FirestoreLedger

        return FirestoreLedger(self._rest)

    @cached_property
    def lanes(self) -> Lanes:
        from shared.adapters.lanes import FirestoreLanes

        return FirestoreLanes(self._rest)

    @cached_property
    def slots(self) -> Slots:
        from shared.adapters.firestore.slots import FirestoreSlots

        return FirestoreSlots(self._rest)

    @cached_property
    def senders(self) -> Mapping[AddressKind, Sender]:
        """FCM always; APNs and Huawei when their credentials are set. What breaks one of them,
        while it is built or when it is used, leaves the others alone.
        """
        from shared.adapters.push.isolated import IsolatedSender

        build: dict[AddressKind, Callable[[], Sender]] = {AddressKind.FCM: self._fcm}
        if (apple := self.settings.apns_credentials) is not None:
            build[AddressKind.APNS] = partial(self._apns, apple)
        if (huawei := self.settings.hms_credentials) is not None:
            build[AddressKind.HMS] = partial(self._hms, huawei)
        return {kind: IsolatedSender(kind.upper(), it) for kind, it in build.items()}

    def _fcm(self) -> Sender:
        from shared.adapters.push.fcm import fcm_sender

        return fcm_sender(self.settings)

    def _apns(self, credentials: "SecretStr") -> Sender:
        from shared.adapters.push.apns import apns_sender
        from shared.adapters.push.apns_token_shelves import FirestoreTokenShelf

        shelf = FirestoreTokenShelf(self._rest)
        url, ca_file = self.settings.apns_url, self.settings.apns_ca_file
        return apns_sender(credentials.get_secret_value(), shelf, url, ca_file)

    def _hms(self, credentials: "SecretStr") -> Sender:
        from shared.adapters.push.hms import hms_sender
        from shared.credentials.hms import HmsAccount

        account = HmsAccount.read(credentials.get_secret_value())
        return hms_sender(account, self.settings.hms_push_url, self.settings.hms_oauth_url)

    @cached_property
    def retries(self) -> Retries:
        from shared.adapters.push.retries import ProcessRetries

        return ProcessRetries()

    @cached_property
    def memory(self) -> RunMemory:
        from shared.adapters.push.run_memory import ProcessRunMemory

        return ProcessRunMemory()

    @cached_property
    def tasks(self) -> Tasks:
        from shared.adapters.cloud_tasks import CloudTasks

        return CloudTasks(self.settings)


def retry_policy(p: Parts) -> RetryPolicy:
    """As the specification says, but for how long the first wait is, which tests shorten."""
    return RetryPolicy(base_seconds=p.settings.retry_base_seconds)
