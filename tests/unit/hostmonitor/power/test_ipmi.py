"""IPMI: how ipmitool is called, and what each answer proves."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.power.bmc import Address, InFile, Lack, Literal, Reading, Speaks
from masakarimonitors.hostmonitor.power.ipmi import Ipmi
from tests.fixtures.waiting import growing

PASSWORD = "correct-horse"
BMC = Address(device="fence-1", speaks=Speaks.IPMI, host="bmc-1", user="admin", secret=Literal(PASSWORD))


def tool(folder: Path, *lines: str) -> str:
    """An ipmitool that does this; it keeps its arguments and its password in files beside it."""
    path = folder / "ipmitool"
    kept = [f'printf "%s\\n" "$@" > {folder}/argv', f'echo "$IPMITOOL_PASSWORD $LC_ALL" > {folder}/env']
    path.write_text("\n".join(["#!/bin/sh", *kept, *lines, ""]))
    path.chmod(0o700)
    return str(path)


@pytest.fixture
def silent() -> Iterator[int]:
    """A UDP port of this host that takes every packet and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """A UDP port of this host that is closed: a kernel says so, whatever ipmitool makes of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def ask(program: str, address: Address = BMC, timeout: float = 30.0, suite: str = "") -> Reading:
    return await Ipmi(timeout, suite, program).read(address)


PLAIN = ["-H", "bmc-1", "-U", "admin", "-E"]
STATUS = ["chassis", "power", "status"]


@pytest.mark.parametrize(
    ("address", "suite", "argv"),
    [
        (BMC, "", ["-I", "lanplus", *PLAIN, *STATUS]),
        (BMC, "3", ["-I", "lanplus", *PLAIN, "-C", "3", *STATUS]),
        (replace(BMC, cipher="17"), "3", ["-I", "lanplus", *PLAIN, "-C", "17", *STATUS]),
        (replace(BMC, port=6230), "", ["-I", "lanplus", *PLAIN, "-p", "6230", *STATUS]),
        # IPMI 1.5 has no cipher suites, and IPMI 2.0 no kinds of authentication.
        (replace(BMC, lanplus=False, cipher="17"), "3", ["-I", "lan", *PLAIN, *STATUS]),
        (replace(BMC, lanplus=False, auth="md5"), "", ["-I", "lan", *PLAIN, "-A", "MD5", *STATUS]),
        (replace(BMC, auth="md5"), "", ["-I", "lanplus", *PLAIN, *STATUS]),
        (replace(BMC, privilege="operator"), "", ["-I", "lanplus", *PLAIN, "-L", "OPERATOR", *STATUS]),
        (replace(BMC, target="0x72"), "", ["-I", "lanplus", *PLAIN, "-t", "0x72", *STATUS]),
        (replace(BMC, kg="6b6579"), "", ["-I", "lanplus", *PLAIN, "-K", *STATUS]),
    ],
)
async def test_ipmitool_is_called_as_the_address_says(
    tmp_path: Path, address: Address, suite: str, argv: list[str]
) -> None:
    await ask(tool(tmp_path), address, suite=suite)
    assert (tmp_path / "argv").read_text().splitlines() == argv


async def test_the_password_goes_by_environment_and_the_tool_speaks_english(tmp_path: Path) -> None:
    await ask(tool(tmp_path))
    assert (tmp_path / "env").read_text() == f"{PASSWORD} C\n"
    assert PASSWORD not in (tmp_path / "argv").read_text()


async def test_the_key_of_a_bmc_goes_by_environment_too(tmp_path: Path) -> None:
    program = tool(tmp_path, f'printf %s "$IPMI_KGKEY" > {tmp_path}/kg')
    await ask(program, replace(BMC, kg="6b6579fe00000000"))
    assert (tmp_path / "kg").read_bytes() == b"key\xfe"
    assert "6b6579" not in (tmp_path / "argv").read_text()


@pytest.mark.parametrize(
    ("printed", "exit_code", "power", "lack", "words"),
    [
        ("Chassis Power is on", 0, Power.ON, None, " says power on"),
        ("Chassis Power is off", 0, Power.OFF, None, " says power off"),
        ("a warning\nChassis Power is off  ", 0, Power.OFF, None, " says power off"),
        # Nothing less than the whole sentence, from a tool that succeeded, proves anything.
        ("Chassis Power is off", 1, Power.NO_PROOF, Lack.ODD, ": ipmitool exit code 1: Chassis Power is off"),
        (
            "Chassis Power is offline",
            0,
            Power.NO_PROOF,
            Lack.ODD,
            ": ipmitool exit code 0: Chassis Power is offline",
        ),
        (
            "was Chassis Power is off",
            0,
            Power.NO_PROOF,
            Lack.ODD,
            ": ipmitool exit code 0: was Chassis Power is off",
        ),
        ("", 0, Power.NO_PROOF, Lack.ODD, ": ipmitool exit code 0: no words"),
        ("x" * 300, 2, Power.NO_PROOF, Lack.ODD, f": ipmitool exit code 2: {'x' * 200}"),
        (
            "Error: RAKP 2 message indicates an error : unauthorized name",
            1,
            Power.NO_PROOF,
            Lack.FAULT,
            ": ipmitool exit code 1: Error: RAKP 2 message indicates an error : unauthorized name",
        ),
        (
            "Address lookup for bmc-1 failed",
            1,
            Power.NO_PROOF,
            Lack.FAULT,
            ": ipmitool exit code 1: Address lookup for bmc-1 failed",
        ),
    ],
)
async def test_what_an_answer_proves(
    tmp_path: Path, printed: str, exit_code: int, power: Power, lack: Lack | None, words: str
) -> None:
    reading = await ask(tool(tmp_path, f"cat <<'E'\n{printed}\nE", f"exit {exit_code}"))
    assert reading == Reading(power, f"fence-1: BMC bmc-1{words}", lack)


NO_SESSION = "Error: Unable to establish IPMI v2 / RMCP+ session"


@pytest.mark.parametrize(
    "line", [f"echo '{NO_SESSION}' >&2; exit 1", "echo Chassis Power is off; exec sleep 1000"]
)
async def test_only_a_bmc_that_answers_nothing_at_all_is_silent(
    tmp_path: Path, silent: int, closed: int, line: str
) -> None:
    """Whether ipmitool gave up or had to be killed: whatever it has printed, is not its word."""
    program = tool(tmp_path, line)
    at = replace(BMC, host="127.0.0.1", port=silent)
    for seconds in growing(1.0, "the program"):
        reading = await ask(program, at, timeout=seconds)
        if "has not begun to execute it" not in reading.evidence:
            break
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.SILENT)
    assert reading.evidence.endswith(", and no answer to IPMI's ping either")
    for seconds in growing(1.0, "the program"):
        reading = await ask(program, replace(at, port=closed), timeout=seconds)
        if "has not begun to execute it" not in reading.evidence:
            break
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.FAULT)
    assert reading.evidence.endswith("; its IPMI port is closed")


async def test_a_complaint_is_shown_on_one_line_and_without_the_password(tmp_path: Path) -> None:
    reading = await ask(tool(tmp_path, f"printf 'no session\\n  for {PASSWORD}\\n' >&2; echo out; exit 1"))
    assert reading.evidence == "fence-1: BMC bmc-1: ipmitool exit code 1: no session for ***"
    assert reading.power is Power.NO_PROOF


async def test_no_half_of_a_password_is_shown_where_words_are_cut(tmp_path: Path) -> None:
    reading = await ask(tool(tmp_path, f"printf '%0190d{PASSWORD}' 0; exit 1"))
    assert "correct" not in reading.evidence


async def test_what_cannot_be_an_argument_is_a_fault(tmp_path: Path) -> None:
    for odd in (replace(BMC, user="a\0b"), replace(BMC, secret=Literal("a\0b"))):
        reading = await ask(tool(tmp_path), odd)
        assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.FAULT)
        assert "a\0b" not in reading.evidence


async def test_a_tool_that_is_not_there_is_named(tmp_path: Path) -> None:
    reading = await ask(f"{tmp_path}/none")
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.FAULT)
    assert reading.evidence == f"{tmp_path}/none cannot be run: No such file or directory; install it"


async def test_a_password_that_cannot_be_had_asks_no_bmc(tmp_path: Path) -> None:
    address = replace(BMC, secret=InFile(tmp_path / "none"))
    reading = await Ipmi(30.0, program=tool(tmp_path)).read(address)
    assert reading.power is Power.NO_PROOF
    assert reading.evidence == f"fence-1: {tmp_path}/none cannot be read: No such file or directory"
    assert not (tmp_path / "argv").exists()
