"""The ``Sender`` for Huawei Push Kit: one request for many addresses, one answer for them all.

Nothing is sent again here, with three exceptions. A request refused for its access token was not
carried out. Where Huawei says that it took some of the addresses, but not which, the halves are
sent by themselves until it is known: only the replace key makes that harmless, and waiting would
not help, since the same addresses together would get the same answer for ever. And the halves of a
refused request are sent, for it may be refused for one address in it; but no more once many
addresses were refused by themselves and none was taken.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from shared.adapters.push.addresses import fits_json
from shared.adapters.push.defects import log_defect
from shared.adapters.push.engine import Access, Engine, Engines, deadline, words_are_lost
from shared.adapters.push.hms_credentials import HMS_OAUTH_URL, HuaweiAccessTokens
from shared.adapters.push.pace import Pace, PushAccount
from shared.adapters.push.undocumented import UndocumentedAnswers
from shared.domain.delivery.evidence import FEWEST_TO_BELIEVE
from shared.domain.push.answers import Accepted, Answer, RetryLater
from shared.domain.push.hms import MOST_TOKENS, PARTLY, UNKNOWN_ERROR, meaning, named
from shared.domain.push.pace import Window
from shared.domain.push.reactions import (
    ANSWER_LOST,
    CREDENTIALS_REFUSED,
    INVALID_TOKEN,
    MAY_HAVE_SENT,
    NO_TURN,
    NOT_SENT,
    NOTHING_ASKED,
)
from shared.domain.push.rendering import Payload, Push
from shared.settings.credentials.hms import HmsAccount
from shared.wire.http11 import MOST_ANSWER_BYTES, Fault, KeptConnections, OneShotHttp, Target
from shared.wire.tokens import AccessTokens

HMS_PUSH_BASE_URL = "https://push-api.cloud.huawei.com"
MOST_AT_ONCE = 8
"""Requests of one send under way; the limit is for all sends of the process together."""
WINDOW = Window(allowed=16, floor=1, ceiling=64)

_MOST_LISTED_BYTES = MOST_ANSWER_BYTES // 2
"""An answer may list every address of its request, with quotes around quotes."""


class HmsSender:
    """Push Kit for one account. Safe to share between threads; starts nothing until used.

    Where "one attempt is one request" cannot be kept, it bisects: see the module's docstring.
    """

    def __init__(
        self,
        path: str,
        tokens: AccessTokens,
        base_url: str = HMS_PUSH_BASE_URL,
        *,
        http: Callable[[str], OneShotHttp] = KeptConnections,
        window: Window = WINDOW,
        account: PushAccount | None = None,
    ) -> None:
        account = account or PushAccount()
        self._name = account.called("HMS")
        self._access = Access(self._name, urlsplit(base_url).path.rstrip("/") + path, tokens)
        self._engines = Engines("hms", lambda: http(base_url), window, account)

    def send(self, pushes: Sequence[Push], within_seconds: float = math.inf) -> Sequence[Answer]:
        """Return an answer for each, in order. Never raises for what Huawei answers."""
        until = deadline(within_seconds)
        tokens: dict[Payload, dict[str, None]] = {}
        for address, payload in pushes:
            if fits_json(address.value):
                tokens.setdefault(payload, {})[address.value] = None
        target = self._access.target() if tokens else INVALID_TOKEN
        if not isinstance(target, Target):
            return [target if fits_json(a.value) else INVALID_TOKEN for a, _ in pushes]
        engine = self._engines.mine()
        answers = engine.run(self._answers(engine, target, tokens, until))
        return [answers.get((payload, a.value), INVALID_TOKEN) for a, payload in pushes]

    def close(self) -> None:
        """Let go of connections and thread; a later ``send`` starts anew."""
        self._engines.close()

    async def _answers(
        self,
        engine: Engine[OneShotHttp],
        target: Target,
        tokens: Mapping[Payload, Collection[str]],
        until: float,
    ) -> dict[tuple[Payload, str], Answer]:
        """Ask for the addresses of each variant by themselves, all of them side by side."""
        turns = asyncio.Semaphore(MOST_AT_ONCE)
        renewed = self._access.renewed
        of_each = await asyncio.gather(
            *(
                _Requests(
                    engine.client,
                    payload,
                    target,
                    renewed,
                    engine.pace,
                    until,
                    turns,
                    UndocumentedAnswers(self._name),
                ).answers(list(some))
                for payload, some in tokens.items()
            )
        )
        return {
            (payload, token): answer
            for payload, answers in zip(tokens, of_each, strict=True)
            for token, answer in answers.items()
        }


def hms_sender(
    account: HmsAccount,
    push_base_url: str = HMS_PUSH_BASE_URL,
    oauth_url: str = HMS_OAUTH_URL,
    of: PushAccount | None = None,
) -> HmsSender:
    """Create the sender of one Huawei account, with its own credentials."""
    tokens = HuaweiAccessTokens(account, oauth_url)
    return HmsSender(account.send_path, tokens, push_base_url, account=of)


def requests_of(tokens: Sequence[str]) -> Iterator[list[str]]:
    """Split ``tokens`` into runs that Huawei takes, and whose longest answer can be read to its
    end.
    """
    run: list[str] = []
    listed = 0
    for token in tokens:
        size = len(token.encode()) + 5
        if run and (len(run) == MOST_TOKENS or listed + size > _MOST_LISTED_BYTES):
            yield run
            run, listed = [], 0
        run.append(token)
        listed += size
    if run:
        yield run


@dataclass(frozen=True, slots=True)
class _Requests:
    """Requests with one variant to some addresses, as many at a time as there are ``turns``."""

    http: OneShotHttp
    payload: Payload
    target: Target
    renewed: Callable[[Target], Awaitable[Target | Answer]]
    pace: Pace
    until: float
    turns: asyncio.Semaphore
    undocumented: UndocumentedAnswers
    refused_alone: dict[str, Answer] = field(default_factory=dict)
    accepted_tokens: set[str] = field(default_factory=set)

    async def answers(self, tokens: Sequence[str]) -> dict[str, Answer]:
        """Return what became of each, by address."""
        return await self._of_all(list(requests_of(tokens)))

    async def _of_all(self, requests: Sequence[Sequence[str]]) -> dict[str, Answer]:
        parts = await asyncio.gather(*(self._settled(tokens) for tokens in requests))
        return {token: answer for part in parts for token, answer in part.items()}

    async def _settled(self, tokens: Sequence[str]) -> dict[str, Answer]:
        """Send, and send the halves for as long as it is not known which of the addresses an answer
        is about.
        """
        async with self.turns:
            if self._in_vain():
                return dict.fromkeys(tokens, NO_TURN)
            said = await self._in_turn(tokens)
        self._learn(said)
        if not said.unsure or len(tokens) == 1:
            return said.answers
        middle = (len(said.unsure) + 1) // 2
        halves = [half for half in (said.unsure[:middle], said.unsure[middle:]) if half]
        found = await self._of_all(halves)
        return said.answers | {
            token: _in_doubt(answer) if said.answers[token] == PARTLY else answer
            for token, answer in found.items()
        }

    def _learn(self, batch: "_Answers") -> None:
        if len(batch.answers) == 1 and batch.unsure:
            self.refused_alone.update(batch.answers)
        self.accepted_tokens.update(t for t, a in batch.answers.items() if isinstance(a, Accepted))

    def _in_vain(self) -> bool:
        """Tell whether enough addresses were refused alike, by themselves, and none was taken."""
        alike = len(set(self.refused_alone.values())) == 1
        return alike and not self.accepted_tokens and len(self.refused_alone) >= FEWEST_TO_BELIEVE

    async def _in_turn(self, tokens: Sequence[str]) -> "_Answers":
        if (instead := await self.pace.admit(self.until)) is not None:
            return _Answers(dict.fromkeys(tokens, instead))
        began = self.pace.clock()
        said = _Answers({tokens[0]: NOT_SENT})
        try:
            said = await self._one(tokens)
        except Exception as broken:  # noqa: BLE001 - one request that breaks costs only itself
            said = _Answers(dict.fromkeys(tokens, MAY_HAVE_SENT))
            log_defect(f"a request for {len(tokens)} pushes", broken)
        finally:
            self.pace.settle(began, said.answers[tokens[0]], tokens[0])
        return said

    async def _one(self, tokens: Sequence[str]) -> "_Answers":
        said = await self._attempt(self.target, tokens)
        if CREDENTIALS_REFUSED in said.answers.values():
            renewed = await self.renewed(self.target)
            if not isinstance(renewed, Target):
                return _Answers(dict.fromkeys(tokens, renewed))
            said = await self._attempt(renewed, tokens)
        return said

    async def _attempt(self, target: Target, tokens: Sequence[str]) -> "_Answers":
        got = await self.http.post(target, self.payload.body(tokens))
        if isinstance(got, Fault):
            return _Answers(dict.fromkeys(tokens, ANSWER_LOST if got.ambiguous else NOT_SENT))
        if words_are_lost(got):
            self.undocumented.log(got)
            return _Answers(dict.fromkeys(tokens, ANSWER_LOST))
        answers = meaning(got, tokens)
        if UNKNOWN_ERROR in answers.values():
            self.undocumented.log(got)
        if all(isinstance(answer, Accepted) for answer in answers.values()):
            return _Answers(answers)
        return _Answers(answers, _unsure(answers, named(got)))


@dataclass(frozen=True, slots=True)
class _Answers:
    """Answers by address; ``unsure``: addresses that the answer does not name singly."""

    answers: dict[str, Answer]
    unsure: Sequence[str] = ()


def _unsure(answers: Mapping[str, Answer], named: Collection[str]) -> Sequence[str]:
    """List the addresses that an answer need not be about: it was given for the whole request."""
    return [
        token
        for token, answer in answers.items()
        if answer == PARTLY or not (isinstance(answer, Accepted | RetryLater) or token in named)
    ]


def _in_doubt(answer: Answer) -> Answer:
    """Keep the doubt of the whole request, which may have been taken, whatever becomes of its
    halves.
    """
    if not isinstance(answer, RetryLater):
        return answer
    doubt = PARTLY if answer.code in NOTHING_ASKED else answer
    return replace(doubt, retry_after_seconds=answer.retry_after_seconds, ambiguous=True)
