"""The design one would write first, in a process of its own, for ``fanout`` to compare ours with.

Pages of 500 devices through google-cloud-firestore, ``send_each`` of firebase-admin for each page,
and one ``update`` for every device. Nothing is recorded from which work could resume after a crash.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client, FieldFilter

from benchmarks.sender import sdk, sdk_message
from local import demo

PAGE = 500


def main(most: int) -> Mapping[str, Any]:
    """Send to the first ``most`` devices of the audience."""
    messaging = sdk(os.environ["FCM_BASE_URL"])
    client = Client(project=os.environ["GOOGLE_CLOUD_PROJECT"], credentials=AnonymousCredentials())
    chosen = FieldFilter("domains", "array_contains", demo.AURORA_DOMAIN)
    query = client.collection("devices").where(filter=chosen).order_by("__name__").limit(PAGE)
    sent, last = 0, None
    before = time.process_time()
    while sent < most:
        devices = list((query.start_after(last) if last else query).stream())
        messages = [sdk_message(messaging, it.get("fcmToken")) for it in devices]
        answers = messaging.send_each(messages)
        for device, answer in zip(devices, answers.responses, strict=True):
            if not answer.success:
                raise RuntimeError("the emulator did not accept everything")
            now = datetime.now(UTC)
            device.reference.update({"lastNotificationId": "naive", "lastNotificationAt": now})
        sent, last = sent + len(devices), devices[-1]
    return {"devices": sent, "cpu_seconds": time.process_time() - before}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
