"""A notification as each client gets it: rendered as it is sent, and as the push service hands it
on.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.content.shown import Shown
from shared.domain.push import apns, desktop, fcm, hms
from shared.domain.push.answers import Unsendable
from shared.domain.push.rendering import Options, Payload

NOW = datetime(2026, 3, 1, 18, tzinfo=UTC)
ID = "kxQ0e6RzTn"
EVERYTHING = Shown(
    title="Northern lights tonight 🌌",
    body="Clear skies from 22:00. Look north.",
    url="https://news.aurora.example/lights",
    url_button_name="See the map",
    force_timer=5,
    image="https://news.aurora.example/lights.jpg",
)
OPTIONS = Options(ID, NOW, NOW, NOW + timedelta(hours=1))


def fcm_message(content: Shown = EVERYTHING) -> Mapping[str, Any]:
    """Render what FCM is sent."""
    message = _json(fcm.payload(content, OPTIONS))["message"]
    assert isinstance(message, dict)
    return message


def apns_body(content: Shown = EVERYTHING) -> Mapping[str, Any]:
    """Render what an app on an iPhone gets as ``userInfo``."""
    return _json(apns.payload(content, OPTIONS))


def hms_message(content: Shown = EVERYTHING) -> Mapping[str, Any]:
    """Render what Huawei is sent."""
    message = _json(hms.payload(content, OPTIONS))["message"]
    assert isinstance(message, dict)
    return message


def slot(content: Shown = EVERYTHING) -> Mapping[str, Any]:
    """Render the fields of a desktop's document."""
    return desktop.payload(content, OPTIONS).fields


def web_push(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Hand a message on as FCM does to a browser's service worker: what is said for the web on top
    of what is said for all, its options in camel case.
    """
    web = message["webpush"]
    options = {"link": link} if (link := web.get("fcm_options", {}).get("link")) else None
    return {
        "from": "1234567890",
        "priority": "high",
        "fcmMessageId": "5b2a9e5e-0000-4000-8000-000000000000",
        "notification": {**message["notification"], **web["notification"]},
        "data": message["data"],
        **({"fcmOptions": options} if options else {}),
    }


def _json(payload: Payload | Unsendable) -> Mapping[str, Any]:
    assert isinstance(payload, Payload)
    read = json.loads(payload.body("token") if payload.after else payload.before)
    assert isinstance(read, dict)
    return read
