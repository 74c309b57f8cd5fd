"""power_config_file: what it says, and every fault with line and column."""

from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.power.bmc import Speaks
from masakarimonitors.hostmonitor.power.config_file import PowerFileFault, parse
from masakarimonitors.hostmonitor.power.secret import InFile

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
        (
            GOOD.replace("username: admin", "password: x"),
            "line 5, column 13: compute-1: unknown key password",
        ),
        (GOOD.replace("  address: 10.0.0.1\n", ""), "line 2, column 3: compute-1: address is missing"),
        (GOOD.replace("compute-2", "compute-1", 1), "compute-1 is listed twice"),
    ],
)
def test_every_fault_is_named_with_its_place(text: str, fault: str) -> None:
    with pytest.raises(PowerFileFault) as raised:
        parse(text, "power.yaml")
    assert fault in str(raised.value)
    assert str(raised.value).startswith("power.yaml: line ")
