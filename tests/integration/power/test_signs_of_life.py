"""Signs of life in a network of their own: a living host, one that is gone, a router that says so, and no way there.

Two network namespaces, joined by one cable: this monitor's, and a router's that plays the living host as well.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.waiting import PATIENCE

pytestmark = pytest.mark.xdist_group("power")

_ASK = """
import asyncio, json, sys
from masakarimonitors.hostmonitor.core.observation import CheckLife
from masakarimonitors.hostmonitor.drivers.base import Endpoint
from masakarimonitors.hostmonitor.effects.life import SignsOfLife
from masakarimonitors.system.clock import SystemClock

async def main():
    known = {host: [Endpoint(*one) for one in places] for host, places in json.loads(sys.argv[1]).items()}
    life = SignsOfLife(lambda host: known[host], SystemClock())
    seen = await asyncio.gather(*(life.check(CheckLife(host, n)) for n, host in enumerate(known)))
    print(json.dumps({one.host: [one.life, one.evidence] for one in seen}))

asyncio.run(main())
"""


def ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True, capture_output=True, text=True, timeout=30)


@pytest.fixture(scope="module")
def network() -> Iterator[str]:
    """The name of the monitor's namespace."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    name = uuid.uuid4().hex[:8]
    here, far = f"life-{name}-a", f"life-{name}-b"
    try:
        for one in (here, far):
            ip("netns", "add", one)
            ip("-n", one, "link", "set", "lo", "up")
        ip("-n", here, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", far)
        for one, last in ((here, 1), (far, 2)):
            ip("-n", one, "address", "add", f"10.77.0.{last}/24", "dev", "cable")
            ip("-n", one, "-6", "address", "add", f"fd77::{last}/64", "dev", "cable", "nodad")
            ip("-n", one, "link", "set", "cable", "up")
        ip("-n", here, "route", "add", "10.77.0.0/16", "via", "10.77.0.2")
        ip("netns", "exec", far, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        ip("-n", far, "route", "add", "unreachable", "10.77.1.0/24")
        ip("-n", far, "route", "add", "blackhole", "10.77.2.0/24")
        yield here
    finally:
        for one in (here, far):
            subprocess.run(["ip", "netns", "del", one], check=False, capture_output=True, timeout=30)


def look(network: str, **hosts: list[tuple[str, int, str]]) -> dict[str, tuple[str, str]]:
    ran = subprocess.run(
        ["ip", "netns", "exec", network, sys.executable, "-c", _ASK, json.dumps(hosts)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return {host: (life, evidence) for host, (life, evidence) in json.loads(ran.stdout).items()}


def test_who_lives_and_who_is_silent(network: str) -> None:
    seen = look(
        network,
        refusing=[("10.77.0.2", 3121, "pacemaker-remoted")],
        refusing_on_ipv6=[("fd77::2", 3121, "pacemaker-remoted")],
        alive_on_one_of_two=[("10.77.2.1", 22, "ssh"), ("10.77.0.2", 22, "ssh")],
        gone=[("10.77.0.9", 22, "ssh")],
        gone_on_ipv6=[("fd77::9", 22, "ssh")],
        said_to_be_unreachable=[("10.77.1.1", 22, "ssh")],
        swallowed=[("10.77.2.1", 22, "ssh")],
        without_a_route=[("10.99.0.1", 22, "ssh")],
        without_a_route_on_one_of_two=[("10.99.0.1", 22, "ssh"), ("10.77.2.1", 22, "ssh")],
        ourselves=[("10.77.0.1", 22, "ssh"), ("127.0.0.1", 22, "ssh")],
    )
    assert {host: life for host, (life, _) in seen.items()} == {
        "refusing": "alive",
        "refusing_on_ipv6": "alive",
        "alive_on_one_of_two": "alive",
        "gone": "silent",
        "gone_on_ipv6": "silent",
        "said_to_be_unreachable": "silent",
        "swallowed": "silent",
        # Our own lack, not the answer of anybody: it is tried again before it is reported.
        "without_a_route": "untried",
        "without_a_route_on_one_of_two": "silent",
        "ourselves": "unknown",
    }, seen
    assert "No route to host" in seen["said_to_be_unreachable"][1]
    assert "no answer within 3 s" in seen["swallowed"][1]
