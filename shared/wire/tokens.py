"""Access tokens for Google's APIs: one at a time, fetched early, shared by all senders.

Only an answer of the token endpoint itself means that our credentials are refused. Anything else
(the metadata server not yet there, a gateway's page) passes, and must not fail a whole
notification. So does a refusal because of this machine's clock, which dates our assertions.
"""

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Protocol, cast

import google.auth
import requests
from google.auth.credentials import Credentials, CredentialsWithTokenUri
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.transport import Response
from google.auth.transport.requests import Request

from shared.domain.answer_bodies import text_in

MESSAGING_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
EARLY_SECONDS = 300.0
PAUSE_SECONDS = 30.0
"""The metadata server returns an ageing token until shortly before its end: ask no more often than
this.
"""
REQUEST_SECONDS = 10.0
UNSAID_LIFETIME_SECONDS = 3600.0

_REFUSALS = frozenset(
    {"access_denied", "invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client"}
)
_OF_THE_CLOCK = re.compile(
    r"short-lived|timeframe|\biat\b|\bexp\b|too early|too late|in the future"
)
"""Explanations of ``invalid_grant`` when the times in our assertion are wrong, not the key."""
MOST_SKEW_SECONDS = 120.0
"""Beyond this our clock, not our key, is the likely reason for ``invalid_grant``."""
_UNREADABLE = (GoogleAuthError, requests.RequestException, OSError, ValueError, TypeError)
"""The last two: an answer that is JSON, or not even that, but nothing the library expects."""
_log = logging.getLogger(__name__)


class CredentialsRefused(Exception):
    """Error for credentials that Google refuses, or that cannot be read."""


class CredentialsUnavailable(Exception):
    """Error for a token that cannot be had just now."""


class AccessTokens(Protocol):
    """Source of the token for the Authorization header."""

    def current(self, refused: str = "") -> str:
        """Return a token that is good for minutes, and is not ``refused``.

        Raises ``CredentialsRefused`` and ``CredentialsUnavailable``.
        """


class GoogleAccessTokens:
    """Tokens of the application default credentials.

    ``token_url`` replaces the token endpoint that a service account's file names.
    """

    def __init__(
        self,
        scope: str = MESSAGING_SCOPE,
        token_url: str | None = None,
        *,
        load: Callable[[], Credentials] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._load = load or partial(_default_credentials, scope, token_url)
        self._clock = clock
        self._lock = threading.Lock()
        self._credentials: Credentials | None = None
        self._token = ""
        self._good_until = 0.0
        self._asked_at = 0.0

    def current(self, refused: str = "") -> str:
        """Return a token that is good for minutes, and is not ``refused``.

        Raises ``CredentialsRefused`` and ``CredentialsUnavailable``.
        """
        if self._fresh(refused):
            return self._token
        with self._lock:
            if not self._fresh(refused):
                self._renew(refused)
            return self._token

    def _fresh(self, refused: str) -> bool:
        now = self._clock()
        left = self._good_until - now
        asked_just_now = 0 <= now - self._asked_at < PAUSE_SECONDS
        return self._token not in ("", refused) and (
            left > EARLY_SECONDS or (left > 0 and asked_just_now)
        )

    def _renew(self, refused: str) -> None:
        self._asked_at = self._clock()
        try:
            self._fetch()
        except CredentialsUnavailable:
            if self._token in ("", refused) or self._good_until <= self._clock():
                raise

    def _fetch(self) -> None:
        if self._credentials is None:
            self._credentials = _loaded(self._load)
        _refresh(self._credentials, self._clock)
        token = self._credentials.token
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise CredentialsUnavailable("the token endpoint answered without a token")
        self._token = token
        self._good_until = _expiry(self._credentials, self._clock())


def _loaded(load: Callable[[], Credentials]) -> Credentials:
    try:
        return load()
    except (GoogleAuthError, OSError, ValueError) as failed:
        _log.exception("Google credentials cannot be loaded")
        if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
            raise CredentialsRefused("the credentials file cannot be used") from failed
        raise CredentialsUnavailable("no credentials were found") from failed


class _Asking:
    """Transport of Google's library that also measures how far our clock is ahead of Google's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._ask = partial(Request(), timeout=REQUEST_SECONDS)
        self._clock = clock
        self.ahead_seconds = 0.0

    def __call__(self, *args: Any, **options: Any) -> Response:
        answer: Response = self._ask(*args, **options)
        with suppress(ValueError, TypeError):
            at = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
            self.ahead_seconds = self._clock() - at
        return answer


def _refresh(credentials: Credentials, clock: Callable[[], float]) -> None:
    asking = _Asking(clock)
    try:
        credentials.refresh(asking)
    except RefreshError as failed:
        details = failed.args[1] if len(failed.args) > 1 else None
        answer = details if isinstance(details, dict) else {}
        error = text_in(answer, "error")
        _log.warning("no access token: %s %s", type(failed).__name__, error)
        if error == "invalid_grant" and _blames_the_clock(answer, asking.ahead_seconds):
            raise CredentialsUnavailable("this machine's clock is wrong") from None
        if error in _REFUSALS:
            raise CredentialsRefused(error) from None
        raise CredentialsUnavailable(error) from None
    except _UNREADABLE as failed:
        _log.warning("no access token: %s", type(failed).__name__)
        raise CredentialsUnavailable(type(failed).__name__) from None


def _blames_the_clock(answer: Mapping[str, object], ahead_seconds: float) -> bool:
    """Tell whether the times in our assertion were refused, and log what mends them."""
    wrong = abs(ahead_seconds) > MOST_SKEW_SECONDS
    if not wrong and not _OF_THE_CLOCK.search(text_in(answer, "error_description")):
        return False
    where = "ahead of" if ahead_seconds > 0 else "behind"
    _log.error(
        "Google refuses the times in our token: this machine's clock is %.0f seconds %s Google's."
        " Set it (NTP); what is to be sent is tried again until then",
        abs(ahead_seconds),
        where,
    )
    return True


def _expiry(credentials: Credentials, now: float) -> float:
    """Return when the token ends; Google's library keeps that as a naive time in UTC, or not at
    all.
    """
    expiry: datetime | None = credentials.expiry
    return (
        now + UNSAID_LIFETIME_SECONDS if expiry is None else expiry.replace(tzinfo=UTC).timestamp()
    )


def _default_credentials(scope: str, token_url: str | None) -> Credentials:
    credentials: Credentials = google.auth.default(scopes=[scope])[0]
    if token_url and isinstance(credentials, CredentialsWithTokenUri):
        credentials = cast("Credentials", credentials.with_token_uri(token_url))
    return credentials
