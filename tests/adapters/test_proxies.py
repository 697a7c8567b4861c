"""Which of our connections go through a proxy that the environment names: docs/operations.md has
the table, and this measures it.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
import grpc
import httpx
import jwt
import pytest
import requests
from google.auth.exceptions import TransportError
from google.auth.transport.requests import Request
from pydantic import SecretStr

from local.download import Download, DownloadFailed, FileToFetch
from shared.adapters.archive.gcs import GcsArchive
from shared.adapters.firestore.rest_auth import EmulatorBearer
from shared.adapters.telegram_calls import TelegramCalls
from shared.adapters.web.guarded import GuardedWeb
from shared.domain.errors import TryAgain
from shared.wire.http2.client import H2Client, common
from shared.wire.http11 import KeptConnections, Target
from shared.wire.kept_transport import KeptTransport

NOWHERE = "127.0.0.1:9"
"""Nobody listens there: whoever does not ask the proxy fails at once."""
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "GRPC_PROXY")
DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


class Proxy:
    """Hears whether anybody comes, and serves nobody."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.was_asked = False
        self._thread = threading.Thread(target=self._refuse_all)
        self._thread.start()

    def _refuse_all(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                self.was_asked = True
                caller.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Proxy:
    listening = Proxy()
    for name in NAMES:
        for spelt in (name, name.lower()):
            monkeypatch.setenv(spelt, listening.url)
    for name in ("NO_PROXY", "no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    return listening


def by_push_service() -> None:
    async def post() -> None:
        await KeptConnections(f"https://{NOWHERE}").post(Target("/", ()), b"{}")

    asyncio.run(post())


def by_apple() -> None:
    async def post() -> None:
        client = H2Client(f"https://{NOWHERE}", ssl.create_default_context())
        await client.post(b"/3/device/t", (), common((), b"{}"))

    asyncio.run(post())


def by_firestore_rest() -> None:
    with suppress(httpx.ConnectError):
        KeptTransport().handle_request(httpx.Request("GET", f"https://{NOWHERE}"))


def by_link_check() -> None:
    def refused(address: str, port: int, seconds: float) -> socket.socket:
        raise ConnectionRefusedError

    GuardedWeb(resolve=lambda _: ["1.1.1.1"], connect=refused).look("https://a.example/", seconds=5)


def by_telegram() -> None:
    with suppress(TryAgain):
        TelegramCalls(SecretStr("1:t"), f"https://{NOWHERE}").call("getMe")


def by_access_tokens() -> None:
    with suppress(TransportError, requests.RequestException):
        Request()(f"https://{NOWHERE}", timeout=5)


def by_sign_in_keys() -> None:
    with suppress(jwt.PyJWKClientError):
        jwt.PyJWKClient(f"https://{NOWHERE}", timeout=5).fetch_data()


def by_jar() -> None:
    with TemporaryDirectory() as folder, suppress(DownloadFailed):
        Download(FileToFetch(f"https://{NOWHERE}/it.jar", 1, "", Path(folder, "it.jar"))).run()


def by_storage() -> None:
    archive = GcsArchive("bucket", bearer=EmulatorBearer())
    with suppress(TryAgain):
        archive.get("name")
    archive.close()


def by_aws() -> None:
    client = boto3.client(
        "s3",
        region_name="eu-west-1",
        endpoint_url=f"https://{NOWHERE}",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=boto3.session.Config(retries={"total_max_attempts": 1}, connect_timeout=2),
    )
    with suppress(Exception):
        client.list_buckets()


def by_grpc() -> None:
    failed = threading.Event()

    def on_state(state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            failed.set()

    channel = grpc.insecure_channel(NOWHERE)
    channel.subscribe(on_state, try_to_connect=True)
    assert failed.wait(30)
    channel.close()


COMPONENTS: Mapping[str, tuple[Callable[[], None], bool]] = {
    "FCM and Huawei": (by_push_service, False),
    "APNs": (by_apple, False),
    "Firestore on the fan-out's path": (by_firestore_rest, False),
    "the look at links, Web Risk": (by_link_check, False),
    "Telegram": (by_telegram, False),
    "Google's access tokens": (by_access_tokens, True),
    "keys of sign-in and App Check tokens": (by_sign_in_keys, True),
    "the local stack's Firestore emulator and Java, once": (by_jar, True),
    "the archive in Cloud Storage": (by_storage, True),
    "the archive in S3, KMS": (by_aws, True),
    "Firestore for people's calls, Cloud Tasks": (by_grpc, True),
}


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_proxy_is_asked_by_those_of_whom_the_operations_page_says_so(
    component: str, proxy: Proxy
) -> None:
    use, honours = COMPONENTS[component]
    use()
    proxy.close()
    assert proxy.was_asked is honours
    says = "yes" if honours else "no"
    assert f"| {component} | {says}" in DOCUMENT.read_text()
