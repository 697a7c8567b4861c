"""The floor: the time that h2load, written in C, takes to post the same bytes to the same server.

It renders nothing, reads no answer but its status, and keeps no record; no Python code can be
cheaper. It speaks HTTP/1.1 here, over as many kept connections as our sender has requests under
way.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from shared.domain.push.rendering import Payload

MESSAGES = 20_000
CONNECTIONS = 50
PROGRAM = "h2load"


def installed() -> bool:
    """Tell whether the floor can be measured at all."""
    return shutil.which(PROGRAM) is not None


def cpu_ms_per_message(url: str, payload: Payload, address: str) -> float:
    """Measure one run. Raises when not everything was accepted."""
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "body.json")
        body.write_bytes(payload.body(address))
        command = [PROGRAM, "--h1", "-n", str(MESSAGES), "-c", str(CONNECTIONS), "-d", str(body)]
        for header in ("Content-Type: application/json", "Authorization: Bearer access"):
            command += ["-H", header]
        command.append(f"{url}/v1/projects/demo-p/messages:send")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            told = process.stdout.read() if process.stdout else ""
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or f"{MESSAGES} 2xx" not in told:
        raise RuntimeError(f"{PROGRAM} was not answered with success:\n{told}")
    return (used.ru_utime + used.ru_stime) / MESSAGES * 1000
