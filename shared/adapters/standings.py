"""Firebase accounts as they are now: ``accounts:lookup`` of the Identity Toolkit.

The admin SDK asks the same, but every providers' and moderators' function would have to import it,
and with it a tenth of a second and what it never uses, at each cold start.
"""

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from shared.domain.errors import TryAgain
from shared.domain.providers.standing import Standing
from shared.settings import Settings
from shared.wire.tokens import (
    AccessTokens,
    CredentialsRefused,
    CredentialsUnavailable,
    GoogleAccessTokens,
)

SCOPE = "https://www.googleapis.com/auth/identitytoolkit"
GOOGLE = "https://identitytoolkit.googleapis.com"
ANSWER_SECONDS: Final = 5.0
MOST_REMEMBERED: Final = 10_000
_UNAVAILABLE = "accounts cannot be looked up right now"
_log = logging.getLogger(__name__)


class EmulatorTokens:
    """The token that the emulator accepts as an administrator's."""

    def current(self, refused: str = "") -> str:
        del refused
        return "owner"


class IdentityToolkit:
    """``Standings`` by Google, or by the emulator under ``base_url``."""

    def __init__(
        self,
        project: str,
        tokens: AccessTokens,
        base_url: str = GOOGLE,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = f"{base_url}/v1/projects/{project}/accounts:lookup"
        self._tokens = tokens
        self._session = _session(by_environment=base_url == GOOGLE)
        self._remembered = _StandingCache(clock)

    def look_up(self, uid: str, *, max_age_seconds: float = 0.0) -> Standing | None:
        known, standing = self._remembered.get(uid, max_age_seconds)
        if not known:
            standing = _standing(uid, self._look_up(uid))
            self._remembered.put(uid, standing)
        return standing

    def _look_up(self, uid: str) -> Mapping[str, Any]:
        try:
            token = self._tokens.current()
            answer = self._post(uid, token)
            if answer.status_code == 401:
                answer = self._post(uid, self._tokens.current(refused=token))
            account = answer.json() if answer.status_code == 200 else None
        except (CredentialsRefused, CredentialsUnavailable) as failed:
            raise TryAgain(_UNAVAILABLE) from failed
        except (requests.RequestException, ValueError) as failed:
            _log.warning("accounts cannot be looked up: %s", type(failed).__name__)
            raise TryAgain(_UNAVAILABLE) from None
        if not isinstance(account, dict):
            _log.error("accounts cannot be looked up: status %d", answer.status_code)
            raise TryAgain(_UNAVAILABLE)
        return account

    def _post(self, uid: str, token: str) -> requests.Response:
        return self._session.post(
            self._url,
            json={"localId": [uid]},
            headers={"Authorization": f"Bearer {token}"},
            timeout=ANSWER_SECONDS,
            allow_redirects=False,
        )


def standings(settings: Settings) -> IdentityToolkit:
    """Create the client of Google's accounts, or of the emulator's where a demo project has one."""
    if settings.local and settings.auth_emulator:
        base_url = f"http://{settings.auth_emulator}/identitytoolkit.googleapis.com"
        return IdentityToolkit(settings.project, EmulatorTokens(), base_url)
    return IdentityToolkit(settings.project, GoogleAccessTokens(SCOPE, settings.oauth_token_url))


class _StandingCache:
    """Cache of the latest answers with their times; what was asked for longest ago goes first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, tuple[float, Standing | None]] = OrderedDict()

    def get(self, uid: str, max_age_seconds: float) -> tuple[bool, Standing | None]:
        with self._lock:
            at, standing = self._answers.get(uid, (float("-inf"), None))
        return self._clock() - at < max_age_seconds, standing

    def put(self, uid: str, standing: Standing | None) -> None:
        with self._lock:
            self._answers[uid] = (self._clock(), standing)
            self._answers.move_to_end(uid)
            while len(self._answers) > MOST_REMEMBERED:
                self._answers.popitem(last=False)


def _session(*, by_environment: bool) -> requests.Session:
    """Create a session that keeps connections and repeats a request, once, if its connection had
    died.

    Proxies of the environment are not for an emulator on this machine.
    """
    session = requests.Session()
    session.trust_env = by_environment
    again = HTTPAdapter(max_retries=Retry(1, allowed_methods=None))
    session.mount("https://", again)
    session.mount("http://", again)
    return session


def _standing(uid: str, answer: Mapping[str, Any]) -> Standing | None:
    """Read the account from the answer; ``users`` is left out when there is no such account."""
    try:
        user = next((it for it in answer.get("users", []) if it["localId"] == uid), None)
        if user is None:
            return None
        email = str(user.get("email", ""))
        others = [str(it.get("email", "")) for it in user.get("providerUserInfo", [])]
        claims = json.loads(user.get("customAttributes") or "{}")
        return Standing(
            uid=uid,
            emails=tuple(dict.fromkeys(filter(None, (email, *others)))),
            verified_email=email if user.get("emailVerified") is True else "",
            disabled=bool(user.get("disabled", False)),
            signed_out_at=_signed_out_at(user),
            claims=claims if isinstance(claims, dict) else {},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as odd:
        _log.exception("an account that cannot be read")
        raise TryAgain(_UNAVAILABLE) from odd


def _signed_out_at(user: Mapping[str, Any]) -> int:
    """Return when sessions ended; a new account says that its sessions are valid since it was
    created.
    """
    valid_since = int(user.get("validSince", 0))
    created = int(user.get("createdAt", 0)) // 1000
    return valid_since if valid_since > created else 0
