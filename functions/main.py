"""The table of deployed functions: entry point -> the module that holds it. Nothing else, ever.

A deployed name is its entry point with hyphens. The module is imported when the framework asks for
its entry point, so a function never pays for the imports of another.
"""

from importlib import import_module
from typing import Any

from functions.http.framework import install_error_handlers
from shared.wiring import parts

DOORS = {
    "provider_api": "functions.provider.api",
    "moderation_queue": "functions.moderator.calls",
    "approve_notification": "functions.moderator.calls",
    "reject_notification": "functions.moderator.calls",
    "claim_notification": "functions.moderator.calls",
    "release_notification": "functions.moderator.calls",
    "moderation_stats": "functions.moderator.calls",
    "device_api": "functions.device.api",
    "operator_api": "functions.operator.api",
    "on_notification_written": "functions.service.events",
    "on_device_written": "functions.service.events",
    "plan_fanout": "functions.service.tasks",
    "send_batch": "functions.service.tasks",
    "export_events": "functions.service.archive",
    "tick": "functions.service.clock",
    "telegram_webhook": "functions.service.telegram",
}


def __getattr__(name: str) -> Any:
    if name not in DOORS:
        raise AttributeError(f"there is no function {name}")
    _ = parts().settings  # a wrong setting stops start-up, not the first request
    install_error_handlers()
    return getattr(import_module(DOORS[name]), name)
