"""The ``Sender`` for Firebase Cloud Messaging: one attempt is one request, in our own hands.

Google's SDK sends again by itself after a lost answer, an overload or a 401, unseen by its caller;
each time may be a second notification on a screen. Here nothing is sent again, with one exception
that cannot show twice: a request refused for an access token that had just run out.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from shared.adapters.push.addresses import fits_json
from shared.adapters.push.engine import Access, Engines, deadline, words_are_lost
from shared.adapters.push.pace import Pace, PushAccount, at_pace
from shared.adapters.push.undocumented import UndocumentedAnswers
from shared.domain.audience.device import PushAddress
from shared.domain.push.answers import Answer, Rejected
from shared.domain.push.fcm import meaning
from shared.domain.push.pace import Window
from shared.domain.push.reactions import ANSWER_LOST, CREDENTIALS_REFUSED, INVALID_TOKEN, NOT_SENT
from shared.domain.push.rendering import Push
from shared.settings import Settings
from shared.wire.http11 import Fault, KeptConnections, OneShotHttp, Target
from shared.wire.tokens import AccessTokens, GoogleAccessTokens

FCM_BASE_URL = "https://fcm.googleapis.com"
MOST_AT_ONCE = 50
"""Requests of one send under way; the limit is for all sends of the process together."""
WINDOW = Window(allowed=100, floor=2, ceiling=1000)


class FcmSender:
    """FCM for one Firebase project. Safe to share between threads; starts nothing until used."""

    def __init__(
        self,
        project: str,
        tokens: AccessTokens,
        base_url: str = FCM_BASE_URL,
        *,
        http: Callable[[str], OneShotHttp] = KeptConnections,
        window: Window = WINDOW,
        account: PushAccount | None = None,
    ) -> None:
        account = account or PushAccount()
        prefix = urlsplit(base_url).path.rstrip("/")
        path = f"{prefix}/v1/projects/{quote(project, safe='')}/messages:send"
        self._name = account.called("FCM")
        self._access = Access(self._name, path, tokens)
        self._engines = Engines("fcm", lambda: http(base_url), window, account)

    def send(self, pushes: Sequence[Push], within_seconds: float = math.inf) -> Sequence[Answer]:
        """Return an answer for each, in order. Never raises for what FCM answers."""
        until = deadline(within_seconds)
        target = self._access.target()
        if not isinstance(target, Target):
            return [target] * len(pushes)
        engine = self._engines.mine()
        undocumented = UndocumentedAnswers(self._name)
        requests = _Requests(engine.client, target, self._access.renewed, undocumented)
        return engine.run(requests.answers(pushes, engine.pace, until))

    def close(self) -> None:
        """Let go of connections and thread; a later ``send`` starts anew."""
        self._engines.close()


def fcm_sender(settings: Settings, of: PushAccount | None = None) -> FcmSender:
    """Create the sender of this deployment's own project, with its own credentials."""
    tokens = GoogleAccessTokens(token_url=settings.oauth_token_url)
    return FcmSender(settings.project, tokens, settings.fcm_url, account=of)


@dataclass(frozen=True, slots=True)
class _Requests:
    """Requests of one send."""

    http: OneShotHttp
    target: Target
    renewed: Callable[[Target], Awaitable[Target | Answer]]
    undocumented: UndocumentedAnswers

    async def answers(self, pushes: Sequence[Push], pace: Pace, until: float) -> Sequence[Answer]:
        return await at_pace(
            pushes,
            self._answer,
            pace,
            most_at_once=MOST_AT_ONCE,
            until=until,
            hopeless=_hopeless,
        )

    async def _answer(self, push: Push) -> Answer:
        address, payload = push
        body = payload.body(address.value)
        answer, token_refused = await self._attempt(self.target, body)
        if token_refused:
            renewed = await self.renewed(self.target)
            if not isinstance(renewed, Target):
                return renewed
            answer, _ = await self._attempt(renewed, body)
        return answer

    async def _attempt(self, target: Target, body: bytes) -> tuple[Answer, bool]:
        """Return what became of it, and whether only the access token stood in its way."""
        got = await self.http.post(target, body)
        if isinstance(got, Fault):
            return (ANSWER_LOST if got.ambiguous else NOT_SENT), False
        if words_are_lost(got):
            self.undocumented.log(got)
            return ANSWER_LOST, False
        answer = meaning(got)
        if isinstance(answer, Rejected):
            self.undocumented.log(got)
        return answer, got.status == 401 and answer == CREDENTIALS_REFUSED


def _hopeless(address: PushAddress) -> Answer | None:
    return None if fits_json(address.value) else INVALID_TOKEN
