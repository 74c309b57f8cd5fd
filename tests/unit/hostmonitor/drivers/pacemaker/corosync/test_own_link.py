"""Whether this node's own corosync links are dead, by corosync's word or by what its rings carry."""

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.own_link import (
    Ring,
    packet,
    read_cfgtool,
    rings,
)

HEALTHY = """Local node ID 1, transport knet
LINK ID 0 udp
	addr	= 10.99.0.1
	status:
		nodeid:          1:	localhost
		nodeid:          2:	connected
		nodeid:          3:	connected
"""


@pytest.mark.parametrize(
    ("text", "alive"),
    [
        (HEALTHY, True),
        (HEALTHY.replace("2:	connected", "2:	disconnected"), True),
        (HEALTHY.replace("	connected", "	disconnected"), False),
        ("Could not initialize corosync configuration API error CS_ERR_LIBRARY", None),
        ("Local node ID 1, transport udp\nLINK ID 0 udp\n\taddr\t= 10.0.0.1\n\tstatus\t= OK\n", None),
        ("", None),
    ],
)
def test_what_corosync_says_of_its_links(text: str, alive: bool | None) -> None:
    assert read_cfgtool(text, own=1).alive is alive


def test_a_second_link_keeps_the_node_connected() -> None:
    dead = HEALTHY.replace("	connected", "	disconnected")
    assert read_cfgtool(dead + HEALTHY.replace("LINK ID 0", "LINK ID 1"), own=1).alive is True


def test_interfaces_and_ports_go_together() -> None:
    assert rings("enp0s3, enp0s8", "5405,5406") == (Ring("enp0s3", 5405), Ring("enp0s8", 5406))
    assert rings(None, None) == ()


@pytest.mark.parametrize(
    ("interfaces", "ports", "words"),
    [("a,b", "5405", "2 interfaces"), ("a", "http", "not a UDP port"), ("a", "70000", "not a UDP port")],
)
def test_what_cannot_be_meant_is_refused(interfaces: str, ports: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rings(interfaces, ports)


def test_tcpdump_hears_others_only() -> None:
    command = packet(Ring("eth0", 5405), ["10.0.0.1", "fe80::1"]).argv
    assert command[command.index("-Q") + 1] == "in"
    assert command[-1] == "udp and (port 5405 or port 5404) and not (src host 10.0.0.1 or src host fe80::1)"
