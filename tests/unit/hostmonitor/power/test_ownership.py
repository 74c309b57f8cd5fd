"""Which BMC is whose: what replaces what, and which two addresses are one."""

from dataclasses import replace

import pytest

from masakarimonitors.hostmonitor.power.bmc import Address, Literal, Speaks
from masakarimonitors.hostmonitor.power.ownership import (
    beside,
    contradicts,
    identity,
    is_same,
    merged,
    shared,
)

IPMI = Address(device="d", speaks=Speaks.IPMI, host="10.0.0.1", user="u", secret=Literal("p"))
REDFISH = replace(IPMI, speaks=Speaks.REDFISH, host="bmc-1")


def test_what_is_listed_replaces_what_was_learned_and_case_does_not_count() -> None:
    other = replace(IPMI, host="10.0.0.2")
    known = merged({"N1": IPMI}, {"n1": (other,), "n2": (other,), "N2": (IPMI,)})
    assert known == {"n1": (IPMI,), "n2": (other, IPMI)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (IPMI, IPMI),
        (IPMI, replace(IPMI, port=623)),
        (IPMI, replace(IPMI, user="someone else", device="e")),
        (replace(IPMI, host="BMC-1."), replace(IPMI, host="bmc-1")),
        (replace(IPMI, host="fd00::0:1"), replace(IPMI, host="fd00::1")),
        # The carrier of a blade, and the blade.
        (IPMI, replace(IPMI, target="0x72")),
        (replace(IPMI, target="0x72"), replace(IPMI, target="0X72")),
        (REDFISH, REDFISH),
        (REDFISH, replace(REDFISH, host="https://bmc-1/")),
        (REDFISH, replace(REDFISH, host="https://bmc-1:443")),
        (replace(REDFISH, host="[fd00::1]"), replace(REDFISH, host="https://[fd00::1]:443/redfish/v1")),
        (replace(REDFISH, tls=False), replace(REDFISH, host="http://bmc-1")),
        # "Its only system" is whichever the other names.
        (REDFISH, replace(REDFISH, system="/redfish/v1/Systems/1")),
        (replace(REDFISH, system="/redfish/v1/Systems/1/"), replace(REDFISH, system="/redfish/v1/Systems/1")),
        # One BMC, and another way to it.
        (IPMI, replace(REDFISH, host="10.0.0.1")),
        (replace(IPMI, target="0x72"), replace(REDFISH, host="10.0.0.1", system="/s/1")),
        (REDFISH, replace(REDFISH, tls=False)),
        (REDFISH, replace(REDFISH, host="http://bmc-1")),
        (IPMI, replace(IPMI, host="::ffff:10.0.0.1")),
        (IPMI, replace(REDFISH, host="https://[::ffff:a00:1]:8443/")),
    ],
)
def test_one_bmc_for_two_hosts_is_a_mistake_of_both(one: Address, other: Address) -> None:
    found = shared({"n1": (one,), "N2": (other,)})
    assert set(found) == {"n1", "n2"}
    assert "n1 and n2 name the same BMC" in found["n1"] == found["n2"]
    assert is_same(identity(one), identity(other)) and is_same(identity(other), identity(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (IPMI, replace(IPMI, host="10.0.0.2")),
        (IPMI, replace(IPMI, port=6230)),
        (replace(IPMI, target="0x72"), replace(IPMI, target="0x74")),
        (IPMI, replace(REDFISH, host="10.0.0.2")),
        (replace(REDFISH, system="/s/1"), replace(REDFISH, system="/s/2")),
        (replace(REDFISH, system="/s/1"), replace(REDFISH, system="/s/2", tls=False)),
        (REDFISH, replace(REDFISH, port=8443)),
    ],
)
def test_two_bmcs_are_two(one: Address, other: Address) -> None:
    assert shared({"n1": (one,), "n2": (other,)}) == {}
    assert not is_same(identity(one), identity(other))


def test_the_identity_of_a_bmc_holds_no_secret_and_no_login() -> None:
    secret = replace(
        REDFISH, host="https://admin:geheim@bmc-1:8443/", user="someone", secret=Literal("geheim")
    )
    assert identity(replace(secret, system="/s/1")) == "https bmc-1:8443 /s/1"


def test_different_ports_of_one_address_are_told_and_asked() -> None:
    """As many BMCs may stand behind a router that tells them apart by port."""
    known = {"n1": (IPMI,), "N2": (replace(IPMI, port=6230),), "n3": (replace(IPMI, host="10.0.0.3"),)}
    assert shared(known) == {}
    (words,) = beside(known)
    assert "n1 and n2 name BMCs at one address, 10.0.0.1" in words and "(623, 6230)" in words
    assert beside({"n1": (IPMI, replace(IPMI, port=6230)), "n2": (REDFISH,)}) == []
    assert beside({"n1": (REDFISH,), "n2": (replace(REDFISH, system="/s/2"),)}) == []


def test_two_devices_of_one_host_may_name_one_bmc() -> None:
    assert shared({"n1": (IPMI, replace(IPMI, device="e")), "n2": (REDFISH,)}) == {}


def test_only_the_hosts_of_the_same_system_are_in_conflict() -> None:
    systems = {f"n{n}": (replace(REDFISH, system=f"/s/{n // 2}"),) for n in range(1, 6)}
    assert set(shared(systems)) == {"n2", "n3", "n4", "n5"}


def test_many_hosts_are_told_in_few_words() -> None:
    assert "n1 and n2 and n3 and 2 more" in shared({f"n{n}": (IPMI,) for n in range(1, 6)})["n5"]


@pytest.mark.parametrize("port", ["²", "9" * 5000, ""])
def test_a_port_that_is_none_belongs_to_the_name(port: str) -> None:
    odd = replace(REDFISH, host=f"https://bmc-1:{port}")
    assert shared({"n1": (odd,), "n2": (replace(odd, host="https://bmc-2"),)}) == {}


@pytest.mark.parametrize(
    ("one", "other", "certain"),
    [
        (IPMI, IPMI, False),
        (IPMI, replace(IPMI, host="10.0.0.2"), True),
        (IPMI, replace(IPMI, host="fd00::1"), False),
        (IPMI, replace(IPMI, host="bmc-1"), False),
        (IPMI, replace(IPMI, host="::ffff:10.0.0.2"), True),
        (IPMI, replace(IPMI, port=6230), True),
        (IPMI, replace(REDFISH, host="10.0.0.1"), False),
        (IPMI, replace(REDFISH, host="10.0.0.2"), True),
        (replace(IPMI, target="0x72"), replace(IPMI, target="0x74"), True),
        (IPMI, replace(IPMI, target="0x74"), False),
        (REDFISH, replace(REDFISH, host="https://bmc-1.example"), False),
        (REDFISH, replace(REDFISH, host="https://bmc-2"), True),
    ],
)
def test_which_two_addresses_cannot_be_of_one_bmc(one: Address, other: Address, certain: bool) -> None:
    assert contradicts(one, other) is contradicts(other, one) is certain
