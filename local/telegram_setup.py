"""The bot of a local stack: its token, its room, and the webhook for presses.

None of this is a secret: it opens nothing but the emulator on the same machine.
"""

import os
from collections.abc import Mapping

import httpx

BOT_TOKEN = "4242:bot-of-the-local-stack"
WEBHOOK_SECRET = "agreed-with-the-local-stack"
ROOM = -1001000000001
MIRA, NIK = 7001, 7002
PEOPLE = {MIRA: "Mira", NIK: "Nik"}
"""Members of the room, by their user ids."""
FUNCTION = "telegram-webhook"


def environment(url: str) -> dict[str, str]:
    """Build the functions' variables; for another's service, those that came with its address
    count.
    """
    ours = {
        "FANFARE_TELEGRAM_BOT_TOKEN": BOT_TOKEN,
        "FANFARE_TELEGRAM_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "FANFARE_TELEGRAM_CHAT_ID": str(ROOM),
    }
    theirs: Mapping[str, str] = os.environ if "TELEGRAM_BASE_URL" in os.environ else {}
    return {"TELEGRAM_BASE_URL": url} | {
        name: theirs.get(name) or value for name, value in ours.items()
    }


def agree(url: str, functions: str) -> None:
    """Set the emulator's webhook to the functions."""
    asked = {
        "url": f"{functions}/{FUNCTION}",
        "secret_token": WEBHOOK_SECRET,
        "allowed_updates": ["message", "callback_query"],
    }
    with httpx.Client(trust_env=False, timeout=10) as client:
        client.post(f"{url}/bot{BOT_TOKEN}/setWebhook", json=asked).raise_for_status()
