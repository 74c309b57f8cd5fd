"""power_config_file: what it says, and every fault with line and column."""

from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.power.bmc import InFile, Speaks
from masakarimonitors.hostmonitor.power.config_file import parse
from masakarimonitors.system.files.yaml_file import YamlFileFault

GOOD = """\
compute-1:
  driver: ipmi
  address: 10.0.0.1
  port: 6230
  username: admin
  credentials_file: /etc/masakarimonitors/bmc/compute-1
  cipher_suite: 17
compute-2:
  driver: redfish
  address: https://bmc-2.example
  credentials_file: /etc/masakarimonitors/bmc/compute-2
  verify: false
"""


def test_a_good_file() -> None:
    found = parse(GOOD, "power.yaml")
    one, two = found["compute-1"], found["compute-2"]
    assert (one.speaks, one.host, one.port, one.user, one.cipher) == (
        Speaks.IPMI,
        "10.0.0.1",
        6230,
        "admin",
        "17",
    )
    assert one.secret == InFile(Path("/etc/masakarimonitors/bmc/compute-1"))
    assert (two.speaks, two.host, two.verify) == (Speaks.REDFISH, "https://bmc-2.example", False)


def test_an_empty_file_names_nobody() -> None:
    assert parse("", "power.yaml") == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: [", "line 1, column 5: this is not YAML"),
        ("- a", "line 1, column 1: expected a mapping of host to BMC"),
        ("a: 1", "line 1, column 4: expected a: a mapping"),
        (GOOD.replace("driver: ipmi", "driver: ilo"), "driver must be ipmi or redfish, not 'ilo'"),
        (GOOD.replace("6230", "http"), "port must be a port number, not 'http'"),
        (GOOD.replace("6230", "²"), "port must be a port number, not '²'"),
        (GOOD.replace("6230", "65536"), "port must be a port number, not '65536'"),
        (
            GOOD.replace("username: admin", "password: x"),
            "line 5, column 13: compute-1: unknown key password",
        ),
        (GOOD.replace("  address: 10.0.0.1\n", ""), "line 2, column 3: compute-1: address is missing"),
        (GOOD.replace("compute-2:", "Compute-1:"), "line 9, column 3: Compute-1 is listed twice"),
        (GOOD.replace("username: admin", "privilege: root"), "privilege must be callback or user"),
        (
            GOOD.replace(
                "driver: redfish\n  address: https://bmc-2.example",
                "driver: ipmi\n  address: 10.0.0.1\n  port: 6230",
            ),
            "line 2, column 3: compute-1 and compute-2 name the same BMC (ipmi 10.0.0.1:6230)",
        ),
    ],
)
def test_every_fault_is_named_with_its_place(text: str, fault: str) -> None:
    with pytest.raises(YamlFileFault) as raised:
        parse(text, "power.yaml")
    assert fault in str(raised.value)
    assert str(raised.value).startswith("power.yaml: line ")


def test_a_login_in_an_address_is_refused_and_not_repeated() -> None:
    text = GOOD.replace("https://bmc-2.example", "https://admin:S3cret@bmc-2.example")
    with pytest.raises(
        YamlFileFault, match="compute-2: address must not hold a user name or a password"
    ) as raised:
        parse(text, "power.yaml")
    assert "S3cret" not in str(raised.value)


def test_a_blade_behind_a_bmc_and_the_level_of_the_session() -> None:
    text = GOOD.replace("cipher_suite: 17", 'target: "0x72"\n  privilege: operator')
    found = parse(text, "power.yaml")["compute-1"]
    assert (found.target, found.privilege) == ("0x72", "operator")


def test_many_hosts_are_read_in_one_pass() -> None:
    """Whether two of them name one BMC is asked once for all: comparing each with each would take minutes."""
    text = "".join(f"n{n}: {{driver: ipmi, address: b{n}, credentials_file: /x}}\n" for n in range(3000))
    assert len(parse(text, "power.yaml")) == 3000
