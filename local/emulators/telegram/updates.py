"""Updates for the bot: by webhook, repeated, in any order; or, without a webhook, when it asks.

Like Telegram, the emulator repeats an update until it is answered with success. On request it sends
an update several times, late, or holds some back and releases them in the reverse order.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from pydantic import BaseModel

from local.emulators.telegram.schema import GetUpdates, Refused, SetWebhook

FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0
MOST_TRIES = 30
CALL_SECONDS = 60.0

ABOUT_UPDATES = frozenset({"setWebhook", "deleteWebhook", "getWebhookInfo", "getUpdates"})
"""The calls of the Bot API that are answered here."""


@dataclass(slots=True)
class Delivery:
    """One update, and the statuses the bot answered."""

    number: int
    kind: str
    update: Mapping[str, Any]
    statuses: list[int] = field(default_factory=list)
    is_held: bool = False
    delay_seconds: float = 0.0

    @property
    def is_delivered(self) -> bool:
        """True if the bot has answered with success."""
        return any(200 <= status < 300 for status in self.statuses)

    def as_json(self) -> dict[str, object]:
        """Convert the update to what ``GET /updates`` lists."""
        return {
            "update_id": self.number,
            "kind": self.kind,
            "statuses": self.statuses,
            "told": self.is_delivered,
            "held": self.is_held,
        }


class Updates:
    """Every update, and the tasks that send them."""

    def __init__(self) -> None:
        self.webhook: SetWebhook | None = None
        self.all: list[Delivery] = []
        self.last_error = ""
        self._numbers = int(time.time())
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def do(self, method: str, request: BaseModel) -> object:
        """Carry out a call; return its result."""
        calls: Mapping[str, Callable[[Any], object]] = {
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": lambda _: self._webhook_info(),
            "getUpdates": self._updates_for,
        }
        return calls[method](request)

    def not_delivered(self) -> list[Delivery]:
        """List the updates that the bot has not taken."""
        return [
            delivery for delivery in self.all if not delivery.is_delivered and not delivery.is_held
        ]

    def add(self, kind: str, what: Mapping[str, Any], options: Mapping[str, Any]) -> Delivery:
        """Add an update, sent as wished: ``copies``, ``delay_seconds``, ``hold``."""
        self._numbers += 1
        number = int(options.get("update_id") or self._numbers)
        delivery = Delivery(number, kind, {"update_id": number, kind: what})
        delivery.is_held = bool(options.get("hold"))
        delivery.delay_seconds = float(options.get("delay_seconds", 0))
        self.all.append(delivery)
        if not delivery.is_held:
            for _ in range(int(options.get("copies", 1))):
                self.deliver(delivery)
        return delivery

    def release(self, *, backwards: bool) -> int:
        """Tell those that were held, in order or the other way round."""
        held = [delivery for delivery in self.all if delivery.is_held]
        for delivery in reversed(held) if backwards else held:
            delivery.is_held = False
            self.deliver(delivery)
        return len(held)

    def deliver(self, delivery: Delivery) -> None:
        """Send an update until the bot takes it, if the bot subscribed to its kind."""
        wanted = self.webhook.allowed_updates if self.webhook else ["nothing"]
        if wanted and delivery.kind not in wanted:
            return
        task = asyncio.ensure_future(self._deliver(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Tell nobody anything any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def _set_webhook(self, request: SetWebhook) -> bool:
        local = request.url.startswith("http://127.0.0.1:")
        if request.url and not request.url.startswith("https://") and not local:
            raise Refused(
                400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"
            )
        self._turn_to(request if request.url else None)
        return True

    def _delete_webhook(self, _request: BaseModel) -> bool:
        self._turn_to(None)
        return True

    def _turn_to(self, webhook: SetWebhook | None) -> None:
        """Change the webhook; send now what could not be sent without it."""
        self.webhook = webhook
        if webhook and webhook.drop_pending_updates:
            self.all = [delivery for delivery in self.all if delivery.is_delivered]
        for delivery in self.not_delivered():
            if not delivery.statuses:
                self.deliver(delivery)

    def _webhook_info(self) -> Mapping[str, Any]:
        webhook = self.webhook
        info: dict[str, Any] = {
            "url": webhook.url if webhook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self.not_delivered()),
        }
        if webhook:
            info |= {"allowed_updates": list(webhook.allowed_updates)}
            info |= {"max_connections": webhook.max_connections}
        if self.last_error:
            info |= {"last_error_message": self.last_error}
        return info

    def _updates_for(self, request: GetUpdates) -> list[Mapping[str, Any]]:
        """Return what waits, at once; a caller that asks from a number on took all before it."""
        if self.webhook:
            raise Refused(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        for delivery in self.not_delivered():
            if delivery.number < request.offset:
                delivery.statuses.append(200)
        kinds = request.allowed_updates
        wanted = [t.update for t in self.not_delivered() if not kinds or t.kind in kinds]
        return wanted[: request.limit]

    async def _deliver(self, delivery: Delivery) -> None:
        await asyncio.sleep(delivery.delay_seconds)
        wait = FIRST_WAIT_SECONDS
        for _ in range(MOST_TRIES):
            webhook = self.webhook
            if webhook is None:
                return
            status = await self._post(webhook, delivery)
            delivery.statuses.append(status)
            if 200 <= status < 300:
                return
            self.last_error = f"Wrong response from the webhook: {status}"
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _post(self, webhook: SetWebhook, delivery: Delivery) -> int:
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=CALL_SECONDS)
            self._session = aiohttp.ClientSession(timeout=limit)
        headers = {}
        if webhook.secret_token:
            headers["X-Telegram-Bot-Api-Secret-Token"] = webhook.secret_token
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._session.post(
                webhook.url, json=delivery.update, headers=headers
            ) as answer:
                await answer.read()
                return answer.status
        return 0
