"""Accounts in memory, as the Identity Toolkit tells of them."""

from shared.domain.errors import TryAgain
from shared.domain.providers.standing import Standing


class MemoryStandings:
    """Accounts. ``accounts`` is open to tests; ``reachable`` is false while nobody can be looked
    up.
    """

    def __init__(self, *accounts: Standing) -> None:
        self.accounts = {account.uid: account for account in accounts}
        self.reachable = True

    def look_up(self, uid: str, *, max_age_seconds: float = 0.0) -> Standing | None:
        del max_age_seconds
        if not self.reachable:
            raise TryAgain("accounts cannot be looked up right now")
        return self.accounts.get(uid)
