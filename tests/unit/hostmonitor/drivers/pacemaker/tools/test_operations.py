"""The closed table of what the driver runs: these commands, and nothing that an argument could make of them."""

from collections.abc import Sequence

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.tools.operations import (
    Asked,
    NoSuchOperationError,
    Operation,
)

SECRET = "Tr0ub4dor"


@pytest.mark.parametrize(
    ("operation", "argv"),
    [
        (Operation.CIB, ["cibadmin", "--query"]),
        (Operation.RESOURCES, ["cibadmin", "--query", "--scope", "resources"]),
        (Operation.STATUS, ["crm_mon", "--output-as=xml"]),
        (Operation.QUORUM, ["corosync-quorumtool", "-s"]),
        (Operation.LINKS, ["corosync-cfgtool", "-s"]),
    ],
)
def test_what_takes_no_argument_is_always_the_same(operation: Operation, argv: list[str]) -> None:
    assert Asked(operation).argv == argv and Asked(operation).program == argv[0]
    with pytest.raises(NoSuchOperationError) as raised:
        _ = Asked(operation, (SECRET,)).argv
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("name", ["eth0", "bond0.100", "br-ex", "enp0s31f6", "vlan@x", "ü0", "a" * 15])
def test_an_interface_by_any_name_that_one_can_have(name: str) -> None:
    assert Asked(Operation.ADDRESSES, (name,)).argv == ["ip", "-o", "addr", "show", "dev", name]
    assert Asked(Operation.PACKET, (name, "5405")).argv == [
        *("tcpdump", "-i", name, "-n", "-p", "-Q", "in", "-c", "1"),
        "udp and (port 5405 or port 5404)",
    ]


def test_a_packet_of_others_is_one_of_none_of_our_own_addresses() -> None:
    argv = Asked(Operation.PACKET, ("eth0", "05405", "10.0.0.1", "FE80::0:1")).argv
    assert argv[-1] == "udp and (port 5405 or port 5404) and not (src host 10.0.0.1 or src host fe80::1)"


@pytest.mark.parametrize(
    "name", ["", "-z", ".", "..", "a b", "a/b", "a:b", "a\n", "a\0", "\x1b[2J", "a" * 16]
)
@pytest.mark.parametrize("operation", [Operation.ADDRESSES, Operation.PACKET])
def test_what_is_no_interface(name: str, operation: Operation) -> None:
    with pytest.raises(NoSuchOperationError, match="network interface"):
        _ = Asked(operation, (name, "5405")[: 2 if operation is Operation.PACKET else 1]).argv


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("eth0",),
        *(
            ("eth0", port)
            for port in ("", "0", "65536", "-1", "5405 or port 22", "\u0665", "1e3", "9" * 100, "+5")
        ),
        *(
            ("eth0", "5405", one)
            for one in ("", "x", "10.0.0.1) or (port 22", "fe80::1%x) or (port 22", "10.0.0.1/8", "1")
        ),
        ("eth0", "5405", *["10.0.0.1"] * 5000),
    ],
)
def test_what_no_packet_can_be_waited_for_with(arguments: Sequence[str]) -> None:
    with pytest.raises(NoSuchOperationError):
        _ = Asked(Operation.PACKET, tuple(arguments)).argv
