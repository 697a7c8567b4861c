"""A proxy in the environment stands in nobody's way to the stack: each client is asked itself."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from local.loopback import past_proxies

NOBODY = "http://127.0.0.1:9"
PROXIES = {
    name: NOBODY
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    for name in (upper, upper.lower())
}
SPARED: dict[str, Mapping[str, str]] = {
    "nothing": {},
    "another host": {"NO_PROXY": "example.org"},
    "another host, in lower case": {"no_proxy": "example.org , .internal"},
    "different ones": {"NO_PROXY": "example.org", "no_proxy": "example.net"},
    "everything": {"NO_PROXY": "*"},
    "another host, for gRPC alone": {"no_grpc_proxy": "example.org"},
}
REACHES = """
import json, os, sys
from concurrent import futures
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.request import urlopen

import grpc
import httpx
import requests

class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *said):
        pass

http = HTTPServer(("127.0.0.1", 0), Answering)
Thread(target=http.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{http.server_port}/"
server = grpc.server(futures.ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel(f"127.0.0.1:{port}")
grpc.channel_ready_future(channel).result(timeout=20)
channel.close()
server.stop(0)
print(json.dumps([httpx.get(url).status_code, requests.get(url).status_code, urlopen(url).status]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("spared", SPARED.values(), ids=SPARED)
def test_every_client_that_the_stack_uses_goes_past_the_proxy(spared: Mapping[str, str]) -> None:
    given = {"PATH": os.environ["PATH"], **PROXIES, **spared}
    done = subprocess.run(
        [sys.executable, "-c", REACHES],
        env=given | past_proxies(given),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [204, 204, 204]


def test_what_was_spared_before_stays_so() -> None:
    spared = past_proxies({"NO_PROXY": "example.org", "no_proxy": "example.net,127.0.0.1"})
    assert spared["no_proxy"] == spared["NO_PROXY"] == spared["no_grpc_proxy"]
    assert spared["no_proxy"].split(",") == [
        "example.net",
        "127.0.0.1",
        "example.org",
        "localhost",
        "::1",
    ]
    assert past_proxies({"NO_PROXY": "*"})["no_proxy"] == "*"
    of_grpc = past_proxies({"no_proxy": "example.net", "no_grpc_proxy": "example.org"})
    assert "example.net" not in of_grpc["no_grpc_proxy"]
