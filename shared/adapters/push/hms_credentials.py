"""Access tokens for Huawei's APIs: one at a time, fetched early, shared by all senders.

Huawei limits how often an app may ask, so a token is kept for as long as it is good. Only an answer
of the token endpoint itself means that our credentials are refused; anything else passes.
"""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from shared.domain.answer_bodies import object_in
from shared.settings.credentials.hms import HmsAccount
from shared.wire.http11 import Fault, HttpAnswer, KeptConnections, OneShotHttp, Target
from shared.wire.tokens import (
    EARLY_SECONDS,
    PAUSE_SECONDS,
    UNSAID_LIFETIME_SECONDS,
    CredentialsRefused,
    CredentialsUnavailable,
)

HMS_OAUTH_URL = "https://oauth-login.cloud.huawei.com/oauth2/v3/token"

_REFUSALS = re.compile(
    "access_denied|invalid_(client|grant|request|scope)|unauthorized_client"
    "|unsupported_grant_type|1[12][0-9]{2}"
)
"""OAuth's words, and Huawei's numbers for a request or a client that it will never take."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _AccessToken:
    token: str = ""
    good_until: float = 0.0


class HuaweiAccessTokens:
    """``AccessTokens`` of one Huawei account, by OAuth's client credentials."""

    def __init__(
        self,
        account: HmsAccount,
        token_url: str = HMS_OAUTH_URL,
        *,
        http: Callable[[str], OneShotHttp] = KeptConnections,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._start: Callable[[], OneShotHttp] = lambda: http(token_url)
        self._target = Target(
            urlsplit(token_url).path or "/",
            (
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("User-Agent", "fanfare"),
            ),
        )
        self._account = account
        self._clock = clock
        self._lock = threading.Lock()
        self._token = _AccessToken()
        self._asked_at = 0.0

    def current(self, refused: str = "") -> str:
        """Return a token that is good for minutes, and is not ``refused``.

        Raises ``CredentialsRefused`` and ``CredentialsUnavailable``.
        """
        held = self._token
        if self._fresh(held, refused):
            return held.token
        with self._lock:
            if not self._fresh(self._token, refused):
                self._renew(refused)
            return self._token.token

    def _fresh(self, token: _AccessToken, refused: str) -> bool:
        now = self._clock()
        left = token.good_until - now
        asked_just_now = 0 <= now - self._asked_at < PAUSE_SECONDS
        return token.token not in ("", refused) and (
            left > EARLY_SECONDS or (left > 0 and asked_just_now)
        )

    def _renew(self, refused: str) -> None:
        self._asked_at = self._clock()
        try:
            self._token = self._read(asyncio.run(self._ask()))
        except CredentialsUnavailable as unavailable:
            _log.warning("no Huawei access token: %s", unavailable)
            if self._token.token in ("", refused) or self._token.good_until <= self._clock():
                raise
        except CredentialsRefused as refusal:
            _log.warning("Huawei refuses our credentials: error %s", refusal)
            raise

    async def _ask(self) -> HttpAnswer | Fault:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._account.app_id,
            "client_secret": self._account.app_secret.get_secret_value(),
        }
        http = self._start()
        try:
            return await http.post(self._target, urlencode(form).encode("ascii"))
        finally:
            await http.close()

    def _read(self, answer: HttpAnswer | Fault) -> _AccessToken:
        if isinstance(answer, Fault):
            raise CredentialsUnavailable(answer.reason)
        fields = object_in(answer.body)
        token = fields.get("access_token")
        if answer.status == 200 and isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token):
            return _AccessToken(token, self._clock() + _lifetime_seconds(fields))
        error = str(fields.get("error", ""))[:40]
        if answer.status in (400, 401) and _REFUSALS.fullmatch(error):
            raise CredentialsRefused(error)
        raise CredentialsUnavailable(f"HTTP {answer.status} {error}".strip())


def _lifetime_seconds(fields: Mapping[str, object]) -> float:
    lifetime = fields.get("expires_in")
    known = isinstance(lifetime, int | float) and lifetime > 0
    return float(lifetime) if known else UNSAID_LIFETIME_SECONDS  # type: ignore[arg-type]
