"""Who calls: Firebase tokens are checked, and accounts become moderators."""

from functools import cached_property

from shared.ports import Accounts, Identities, Rates, Standings
from shared.wiring.ground import Ground


class CallerParts(Ground):
    """Firebase, or what stands in for it on a developer's machine."""

    @cached_property
    def identities(self) -> Identities:
        from shared.adapters.identities import identities

        return identities(self.settings)

    @cached_property
    def standings(self) -> Standings:
        from shared.adapters.standings import standings

        return standings(self.settings)

    @cached_property
    def rates(self) -> Rates:
        from shared.adapters.rates import ProcessRates

        return ProcessRates(self.clock)

    @cached_property
    def accounts(self) -> Accounts:
        from shared.adapters.accounts import FirebaseAccounts

        return FirebaseAccounts(self.settings)
