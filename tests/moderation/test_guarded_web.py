"""Nobody's link leads into our network, and no server keeps us longer than we allow."""

import itertools
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.emulators.web.certificates import SitesCa
from local.emulators.web.server import HOSTS, ServedSites, sites_json
from shared.adapters.web.guarded import GuardedWeb, web
from shared.adapters.web.http import (
    MOST_LOOKUPS,
    MOST_LOOKUPS_OF_ONE,
    Deadline,
    Lookups,
    TooSlow,
)
from shared.domain.findings.fetch_result import MOST_HOPS, MOST_IMAGE_BYTES, WebFault
from shared.domain.links.addresses import why_forbidden
from shared.settings import SettingsError, read
from tests.conftest import eventually
from tests.moderation.sites import HOSTILE, PUBLIC, Net, a_net
from tests.parts import ENVIRONMENT

NEVER_THIS_LONG_SECONDS = 30.0
"""A guard against hanging, far beyond what any look may take; nothing is measured by it."""


@pytest.fixture
def net() -> Iterator[Net]:
    with a_net() as net:
        yield net


# ---- what is seen --------------------------------------------------------------------------


def test_a_page_is_seen(net: Net) -> None:
    seen = net.look("/lights?from=push#top")
    assert (seen.fault, seen.status, seen.content_type) == (None, 200, "text/html")
    assert net.received == [("hostile.example", "/lights?from=push")]


def test_of_a_page_nothing_but_its_headers_is_read(net: Net) -> None:
    assert net.look("/").size == 0


def test_an_image_is_read_and_measured_but_not_opened(net: Net) -> None:
    seen = net.look("/image.png")
    assert (seen.kind, seen.width, seen.height) == ("png", 640, 360)
    assert 0 < seen.size < MOST_IMAGE_BYTES


def test_a_redirect_is_followed_and_told(net: Net) -> None:
    seen = net.look("/redirect-to-image")
    assert seen.url == f"{HOSTILE}/image.png"
    assert seen.hops == (f"{HOSTILE}/redirect-to-image",)
    assert seen.kind == "png"


def test_a_server_is_asked_without_cookies_credentials_or_where_we_come_from() -> None:
    heads: list[str] = []
    with a_net() as net:
        serve = net.sites.sites.serve

        def keeping(visitor: object) -> None:
            head = visitor.head()  # type: ignore[attr-defined]
            heads.append(head)
            visitor.head = lambda: head  # type: ignore[attr-defined]
            serve(visitor)  # type: ignore[arg-type]

        net.sites.sites.serve = keeping  # type: ignore[method-assign]
        net.web().look("https://name:secret@hostile.example/", seconds=5)
    names = {line.partition(":")[0].lower() for line in heads[0].split("\r\n")[1:] if line}
    assert names == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert "secret" not in heads[0]


# ---- hostile servers -----------------------------------------------------------------------


HOSTILITIES = {
    "/endless-redirects": WebFault.TOO_MANY_REDIRECTS,
    "/loop": WebFault.TOO_MANY_REDIRECTS,
    "/to-http": WebFault.REDIRECT_TO_HTTP,
    "/to-file": WebFault.BAD_REDIRECT,
    "/to-nonsense": WebFault.BAD_REDIRECT,
    "/to-metadata": WebFault.FORBIDDEN_ADDRESS,
    "/to-localhost": WebFault.FORBIDDEN_ADDRESS,
    "/endless-headers": WebFault.BAD_ANSWER,
    "/endless-continues": WebFault.BAD_ANSWER,
    "/no-http": WebFault.BAD_ANSWER,
    "/reset": WebFault.BAD_ANSWER,
}
SLOW = ("/slow-headers", "/slow-body", "/silence")


@pytest.mark.parametrize(("path", "fault"), HOSTILITIES.items())
def test_a_hostile_server_is_a_fault_and_not_an_error(net: Net, path: str, fault: WebFault) -> None:
    assert net.look(path).fault is fault


@pytest.mark.parametrize("path", SLOW)
def test_a_slow_server_is_left_when_the_time_is_over(net: Net, path: str) -> None:
    began = time.monotonic()
    assert net.look(path, seconds=0.3).fault is WebFault.TOO_SLOW
    assert time.monotonic() - began < NEVER_THIS_LONG_SECONDS


def test_every_wait_gets_only_what_is_left(net: Net) -> None:
    ticks = itertools.count(step=0.9)
    seen = net.web(clock=lambda: next(ticks)).look(f"{HOSTILE}/endless-redirects", seconds=5)
    assert seen.fault is WebFault.TOO_SLOW
    assert len(net.received) <= 2, "the clock of the test ran out during the second hop"


def test_no_more_than_five_redirects_are_followed(net: Net) -> None:
    seen = net.look("/endless-redirects")
    assert len(net.received) == MOST_HOPS + 1
    assert len(seen.hops) == MOST_HOPS + 1


def test_an_endless_body_is_read_as_far_as_an_image_may_go(net: Net) -> None:
    assert net.look("/endless-body").size == MOST_IMAGE_BYTES + 1


def test_an_image_bomb_is_measured_by_its_claim(net: Net) -> None:
    seen = net.look("/bomb.png")
    assert (seen.width, seen.height) == (2**31 - 1, 2**31 - 1)


def test_what_is_packed_is_not_unpacked(net: Net) -> None:
    seen = net.look("/gzip.png")
    assert seen.kind == ""
    assert seen.size < 64 * 1024


def test_a_server_that_never_finishes_its_handshake_is_left(net: Net) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        net.at = {PUBLIC: mute.getsockname()[1]}
        assert net.look("/", seconds=0.3).fault is WebFault.TOO_SLOW


def test_a_resolver_that_hangs_is_left(net: Net) -> None:
    let_go = threading.Event()
    net.resolver = lambda host: [PUBLIC] if let_go.wait(30) else [host]
    assert net.look("/", seconds=0.3).fault is WebFault.TOO_SLOW
    let_go.set()


class Resolver:
    """Names of ``stuck.test`` never get an answer, until a test lets them go."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.let_go = threading.Event()

    def __call__(self, host: str) -> Sequence[str]:
        self.hosts.append(host)
        if host.endswith("stuck.test"):
            self.let_go.wait(NEVER_THIS_LONG_SECONDS)
        return [PUBLIC]


@pytest.fixture
def resolver(net: Net) -> Iterator[Resolver]:
    net.resolver = resolver = Resolver()
    yield resolver
    resolver.let_go.set()


def ask_for_stuck_names(web: GuardedWeb, asker: str, names: int) -> None:
    for number in range(names):
        seen = web.look(f"https://n{number}.stuck.test/", seconds=0.01, asker=asker)
        assert seen.fault is WebFault.TOO_SLOW


def test_names_that_never_answer_leave_the_lookups_of_others_alone(
    net: Net, resolver: Resolver
) -> None:
    web = net.web()
    ask_for_stuck_names(web, "p1", 40)
    assert len(resolver.hosts) <= MOST_LOOKUPS_OF_ONE
    seen = web.look(HOSTILE, seconds=NEVER_THIS_LONG_SECONDS, asker="p2")
    assert (seen.fault, seen.status) == (None, 200)


def test_whose_names_never_answered_looks_names_up_again_when_the_resolver_gave_up(
    net: Net, resolver: Resolver
) -> None:
    web = net.web()
    ask_for_stuck_names(web, "p1", 2 * MOST_LOOKUPS_OF_ONE)
    resolver.let_go.set()
    assert web.look(HOSTILE, seconds=NEVER_THIS_LONG_SECONDS, asker="p1").status == 200


def test_a_look_waits_for_a_place_only_as_long_as_it_has_time(net: Net, resolver: Resolver) -> None:
    web = net.web()
    ask_for_stuck_names(web, "p1", MOST_LOOKUPS_OF_ONE)
    eventually(lambda: len(resolver.hosts) == MOST_LOOKUPS_OF_ONE, "all are under way")
    assert web.look(HOSTILE, seconds=0.05, asker="p1").fault is WebFault.TOO_SLOW
    assert HOSTILE.removeprefix("https://") not in resolver.hosts


def test_lookups_that_never_end_do_not_pile_up_whoever_asks(resolver: Resolver) -> None:
    lookups = Lookups(resolver)
    for number in range(MOST_LOOKUPS + 5):
        with pytest.raises(TooSlow):
            lookups.addresses("stuck.test", Deadline.after(0.01), asker=f"p{number}")
    assert len(resolver.hosts) <= MOST_LOOKUPS


def test_a_server_that_refuses_connections_is_unreachable(net: Net) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    net.at = {PUBLIC: port}
    assert net.look("/").fault is WebFault.UNREACHABLE


def test_the_next_address_is_tried_when_one_is_dead(net: Net) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    net.names, net.at = {"hostile.example": ["1.1.1.1", PUBLIC]}, {"1.1.1.1": port}
    assert net.look("/").status == 200


def test_a_dead_address_does_not_use_up_the_time_of_the_others(net: Net) -> None:
    given: list[float] = []

    def mute(address: str, port: int, seconds: float) -> socket.socket:
        given.append(seconds)
        if address != PUBLIC:
            raise TimeoutError
        return net.connect(address, port, seconds)

    pem = net.sites.ca.pem.decode()
    web = GuardedWeb(
        resolve=lambda _host: ["1.1.1.1", "8.8.8.8", PUBLIC],
        connect=mute,
        trust=lambda: ssl.create_default_context(cadata=pem),
        clock=lambda: 0.0,
    )
    assert web.look(HOSTILE, seconds=3).status == 200
    assert given == [1.0, 1.5, 3.0]


def test_a_name_without_an_address_is_unknown(net: Net) -> None:
    assert net.web().look("https://nowhere.test/", seconds=5).fault is WebFault.UNKNOWN_HOST


# ---- who it is -----------------------------------------------------------------------------


def test_a_certificate_for_another_name_is_refused(net: Net) -> None:
    net.names = {"other.test": [PUBLIC]}
    assert net.web().look("https://other.test/", seconds=5).fault is WebFault.BAD_CERTIFICATE
    assert not net.received


def test_a_certificate_that_ran_out_is_refused() -> None:
    ca = SitesCa()
    old = ca.server_context(HOSTS, timedelta(hours=-1))
    with ServedSites(ca=ca, trust=old) as sites:
        assert Net(sites).look("/").fault is WebFault.BAD_CERTIFICATE
        assert not sites.sites.received


def test_a_certificate_of_an_unknown_authority_is_refused(net: Net) -> None:
    stranger = GuardedWeb(resolve=net.resolve, connect=net.connect)
    assert stranger.look(HOSTILE, seconds=5).fault is WebFault.BAD_CERTIFICATE
    assert not net.received


# ---- where it is ---------------------------------------------------------------------------

FORBIDDEN = (
    *("127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255"),
    *("172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "169.254.0.1"),
    *("100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1"),
    *("198.19.255.255", "198.51.100.1", "203.0.113.7", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255", "192.88.99.1", "168.63.129.16"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8"),
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1"),
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2001:10::1", "2001:20::1"),
    *("fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12:3456::1", "fd00:ec2::254", "ff02::1"),
    *("100::1", "3fff::1", "5f00::1", "4000::1", "2620:4f:8000::1"),
)
PUBLIC_ONES = ("8.8.8.8", "1.1.1.1", PUBLIC, "172.15.255.255", "172.32.0.1", "100.63.255.255")
PUBLIC_ONES_6 = ("2606:4700:4700::1111", "2a00:1450:4001:830::200e", "2400:cb00::1")


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_forbidden_address_is_never_connected_to(net: Net, address: str) -> None:
    net.names = {"hostile.example": [address]}
    assert net.look("/").fault is WebFault.FORBIDDEN_ADDRESS
    assert net.connected == []
    assert net.received == []
    assert net.sites.sites.connections == 0


@pytest.mark.parametrize("address", [*PUBLIC_ONES, *PUBLIC_ONES_6])
def test_a_public_address_is_gone_to(net: Net, address: str) -> None:
    net.names = {"hostile.example": [address]}
    assert net.look("/").status == 200
    assert net.connected == [address]


def test_one_forbidden_address_among_public_ones_is_enough(net: Net) -> None:
    net.names = {"hostile.example": [PUBLIC, "10.0.0.1"]}
    assert net.look("/").fault is WebFault.FORBIDDEN_ADDRESS
    assert net.connected == []


@pytest.mark.parametrize("path", ["/to-metadata", "/to-localhost", "/to-private"])
def test_a_redirect_into_a_private_network_ends_there(net: Net, path: str) -> None:
    net.names = {"private.example": ["192.168.0.10"]}
    assert net.look(path).fault is WebFault.FORBIDDEN_ADDRESS
    assert net.received == [("hostile.example", path)]
    assert net.connected == [PUBLIC]


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(net: Net) -> None:
    answers: Iterator[Sequence[str]] = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    net.resolver = lambda _host: next(answers)
    assert net.look("/").status == 200
    assert net.connected == [PUBLIC]
    assert net.looked_up == ["hostile.example"], "looked up once, and not again to connect"


def test_a_name_that_changes_its_mind_between_hops_is_checked_at_each(net: Net) -> None:
    answers: Iterator[Sequence[str]] = iter([[PUBLIC], ["169.254.169.254"]])
    net.resolver = lambda _host: next(answers)
    assert net.look("/redirect").fault is WebFault.FORBIDDEN_ADDRESS
    assert net.connected == [PUBLIC]


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]", "0"]
)
def test_a_number_in_any_spelling_is_the_address_it_is(net: Net, host: str) -> None:
    seen = net.web().look(f"https://{host}/", seconds=5)
    assert seen.fault is WebFault.FORBIDDEN_ADDRESS
    assert net.connected == net.looked_up == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hostile.example/",
        "https://hostile.example:22/",
        "https://hostile.example\\@elsewhere.example/",
        "https://hostile.exa\u200bmple/",
        "https:///nothing",
        "ftp://hostile.example/",
        "myapp://open",
        "",
    ],
)
def test_what_cannot_be_read_or_is_no_website_is_not_gone_to(net: Net, url: str) -> None:
    assert net.web().look(url, seconds=5).fault is WebFault.NOT_LOOKED_AT
    assert net.connected == net.looked_up == []


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_nothing_that_python_holds_for_private_is_public(address: object) -> None:
    if not address.is_global or address.is_multicast:  # type: ignore[attr-defined]
        assert why_forbidden(address)  # type: ignore[arg-type]


def no_connection(address: str, port: int, seconds: float) -> socket.socket:
    raise ConnectionRefusedError


@given(st.text())
@settings(max_examples=300)
def test_no_url_makes_a_look_raise(url: str) -> None:
    nowhere = GuardedWeb(resolve=lambda _host: ["127.0.0.1"], connect=no_connection)
    assert nowhere.look(url, seconds=1).fault is not None
    assert nowhere.look(f"https://{url}", seconds=1).fault is not None


def test_no_address_is_logged(net: Net, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for path in ("/?token=s3cret", "/to-metadata?token=s3cret", "/reset?token=s3cret"):
            net.look(path)
    assert "s3cret" not in caplog.text


# ---- on the local stack --------------------------------------------------------------------


def test_a_demo_project_sees_the_sites_played_here_and_no_others(tmp_path: Path) -> None:
    with ServedSites() as sites:
        ca_file, path = tmp_path / "ca.pem", tmp_path / "web.json"
        ca_file.write_bytes(sites.ca.pem)
        path.write_text(sites_json(sites.address, ca_file))
        local = web(read(ENVIRONMENT | {"FANFARE_LOCAL_WEB": str(path)}))
        assert local.look("https://news.aurora.example/", seconds=5).status == 200
        there = local.look("https://example.com/", seconds=5)
    assert there.fault is WebFault.NOT_LOOKED_AT


def test_a_demo_project_without_played_sites_goes_nowhere() -> None:
    seen = web(read(ENVIRONMENT)).look("https://example.com/", seconds=5)
    assert seen.fault is WebFault.NOT_LOOKED_AT


def test_played_sites_are_refused_outside_demo_projects() -> None:
    real = {"GOOGLE_CLOUD_PROJECT": "fanfare-prod", "FANFARE_LOCAL_WEB": "/sites.json"}
    with pytest.raises(SettingsError, match="FANFARE_LOCAL_WEB"):
        read(real)


@pytest.mark.parametrize(
    "file", ["", "[]", "{}", json.dumps({"hosts": {"a.example": "10.0.0.1:443"}, "caFile": ""})]
)
def test_a_file_of_played_sites_that_cannot_be_used_is_named(tmp_path: Path, file: str) -> None:
    path = tmp_path / "web.json"
    path.write_text(file)
    with pytest.raises(SettingsError, match="FANFARE_LOCAL_WEB"):
        web(read(ENVIRONMENT | {"FANFARE_LOCAL_WEB": str(path)}))


def test_the_trust_of_a_real_project_is_the_systems() -> None:
    real = web(read({"GOOGLE_CLOUD_PROJECT": "fanfare-prod"}))
    assert real.local_hosts is None
    assert real.trust is ssl.create_default_context
