"""Are this node's own corosync links alive: asked of the real corosync, and of a real network by tcpdump."""

import sys
from pathlib import Path

import pytest

from tests.fixtures.waiting import until
from tests.integration.pacemaker.rig import Host, Rig, end_inside

pytestmark = [pytest.mark.xdist_group("pacemaker-members"), pytest.mark.timeout(400)]

PORT = 5999
CHECK = """
import asyncio, sys
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.own_link import check, rings
print(asyncio.run(check(rings(*sys.argv[1:3]) if sys.argv[1:] else (), 1, 3.0)).alive)
"""
SEND = f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.99.0.{{node}}"))
while True:
    s.sendto(b"totem", ("239.192.1.1", {PORT}))
    time.sleep(0.1)
"""


def alive(host: Host, *ring: str) -> str:
    return host.run(sys.executable, "-c", CHECK, *ring).stdout.strip()


def test_the_own_link_by_corosync_and_by_the_network(rig: Rig, tmp_path: Path) -> None:
    n1 = rig["n1"]
    ring = ("eth0", str(PORT))
    assert alive(n1) == "True"
    assert alive(n1, *ring) == "False"  # nobody sends there
    own = n1.spawn(sys.executable, "-c", SEND.format(node=1), log=tmp_path / "own.log")
    try:
        assert alive(n1, *ring) == "False"  # we hear only ourselves
        other = rig["n2"].spawn(sys.executable, "-c", SEND.format(node=2), log=tmp_path / "other.log")
        try:
            assert alive(n1, *ring) == "True"
            assert alive(n1, "eth0,eth9", f"{PORT},{PORT}") == "True"  # one living ring is enough
            assert alive(n1, "eth9", str(PORT)) == "None"  # nobody can say
        finally:
            end_inside(other)
    finally:
        end_inside(own)
    rig.strip.hold()
    n1.unplug()
    until(lambda: alive(n1) == "False", "corosync knows that its links are down", every=0.1)
    n1.plug()
