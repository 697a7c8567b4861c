"""The table of deployed functions: entry point -> the module that holds it. Nothing else, ever.

A deployed name is its entry point with hyphens. The module is imported when the framework asks for
its entry point, so a function never pays for the imports of another.
"""

from importlib import import_module
from typing import Any

from functions._framework import in_our_words
from shared.wiring import parts

DOORS = {
    "provider_api": "functions.provider_api",
    "moderation_queue": "functions.moderation",
    "approve_notification": "functions.moderation",
    "reject_notification": "functions.moderation",
    "claim_notification": "functions.moderation",
    "release_notification": "functions.moderation",
    "moderation_stats": "functions.moderation",
    "device_api": "functions.device_api",
    "operator_api": "functions.operator_api",
    "on_notification_written": "functions.events",
    "on_device_written": "functions.events",
    "plan_fanout": "functions.tasks",
    "send_batch": "functions.tasks",
    "export_events": "functions.archive",
    "tick": "functions.clock",
    "telegram_webhook": "functions.telegram_webhook",
}


def __getattr__(name: str) -> Any:
    if name not in DOORS:
        raise AttributeError(f"there is no function {name}")
    _ = parts().settings  # a wrong setting stops start-up, not the first request
    in_our_words()
    return getattr(import_module(DOORS[name]), name)
