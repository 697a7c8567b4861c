"""What is kept in Firestore: notifications, providers, devices, the stop switch and its watch."""

from functools import cached_property

from shared.ports import Devices, Notifications, Providers, StopSwitch, Watch
from shared.wiring.ground import Ground


class RecordParts(Ground):
    """The records everybody works on."""

    @cached_property
    def notifications(self) -> Notifications:
        from shared.adapters.firestore.notifications import FirestoreNotifications

        return FirestoreNotifications(self._firestore)

    @cached_property
    def providers(self) -> Providers:
        from shared.adapters.firestore.providers import FirestoreProviders

        return FirestoreProviders(self._firestore, lambda: self._rest)

    @cached_property
    def devices(self) -> Devices:
        from shared.adapters.firestore.devices import FirestoreDevices

        return FirestoreDevices(self._firestore, lambda: self._rest)

    @cached_property
    def stop_switch(self) -> StopSwitch:
        from shared.adapters.firestore.platform import FirestoreStopSwitch

        return FirestoreStopSwitch(self._firestore)

    @cached_property
    def watch(self) -> Watch:
        from shared.adapters.firestore.watch import FirestoreWatch

        return FirestoreWatch(self._rest)
