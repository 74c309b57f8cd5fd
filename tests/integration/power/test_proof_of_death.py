"""The proof of death against real BMC simulators: on, off, flapping, dead, wrong password."""

import asyncio
import logging
import os
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.core.observation import Power, ProofKind
from masakarimonitors.hostmonitor.power.bmc import Address, Bmc, FromScript, InFile, Lack, Literal, Speaks
from masakarimonitors.hostmonitor.power.check import PowerCheck, Proof
from masakarimonitors.hostmonitor.power.ipmi import Ipmi
from masakarimonitors.hostmonitor.power.redfish import Redfish
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.waiting import PATIENCE
from tests.integration.power.conftest import PASSWORD, USER, IpmiBmc, RedfishBmc

pytestmark = pytest.mark.xdist_group("power")


class Clock(FakeClock):
    """A clock whose pauses end at once: the pause between two looks is not what is tested here."""

    async def sleep(self, seconds: float) -> None:
        await settle(1)


def ipmi_address(bmc: IpmiBmc) -> Address:
    return Address(
        device="fence-n1",
        speaks=Speaks.IPMI,
        host="127.0.0.1",
        user=USER,
        secret=Literal(PASSWORD),
        port=bmc.port,
        cipher="3",
    )


def redfish_address(bmc: RedfishBmc) -> Address:
    return Address(
        device="fence-n1",
        speaks=Speaks.REDFISH,
        host=bmc.url,
        user=USER,
        secret=Literal(PASSWORD),
        system=bmc.system,
    )


UNHEARD = "Chassis Power Status failed: Unspecified error"
"""What ipmitool says when a simulator on a busy computer has not answered it within its own second."""


async def ask(*addresses: Address, unreachable_means_off: bool = False, timeout: float = 30.0) -> Proof:
    asks: dict[Speaks, Bmc] = {Speaks.IPMI: Ipmi(timeout), Speaks.REDFISH: Redfish(timeout)}
    check = PowerCheck(asks, Clock(), unreachable_means_off=unreachable_means_off)
    async with asyncio.timeout(PATIENCE):
        while UNHEARD in (proof := await check.check("n1", addresses)).evidence:
            pass
    return proof


@pytest.mark.parametrize("on", [True, False])
async def test_ipmi_says_on_and_off(ipmi_bmc: IpmiBmc, on: bool) -> None:
    ipmi_bmc.set_power(on)
    reading = await ask(ipmi_address(ipmi_bmc))
    assert reading.power is (Power.ON if on else Power.OFF), reading.evidence
    assert "fence-n1: BMC 127.0.0.1 says power" in reading.evidence


@pytest.mark.parametrize("on", [True, False])
async def test_redfish_says_on_and_off(redfish_bmc: RedfishBmc, on: bool) -> None:
    redfish_bmc.set_power(on)
    reading = await ask(redfish_address(redfish_bmc))
    assert reading.power is (Power.ON if on else Power.OFF), reading.evidence


async def test_redfish_with_one_system_needs_no_name_for_it(redfish_bmc: RedfishBmc) -> None:
    redfish_bmc.set_power(False)
    reading = await ask(replace(redfish_address(redfish_bmc), system=""))
    assert reading.power is Power.OFF, reading.evidence


async def test_a_power_that_flaps_is_no_proof_of_death(ipmi_bmc: IpmiBmc) -> None:
    ipmi_bmc.flap()
    reading = await ask(ipmi_address(ipmi_bmc))
    assert reading.power is Power.ON, reading.evidence
    assert "says power off" in reading.evidence and "says power on" in reading.evidence


async def test_a_wrong_password_is_no_proof(ipmi_bmc: IpmiBmc, redfish_bmc: RedfishBmc) -> None:
    ipmi_bmc.set_power(False)
    redfish_bmc.set_power(False)
    for address in (ipmi_address(ipmi_bmc), redfish_address(redfish_bmc)):
        # Within 2 s ipmitool has to be killed: the BMC of IPMI says nothing to a wrong password, but answers a ping.
        for timeout in (10.0, 2.0):
            reading = await ask(
                replace(address, secret=Literal("wrong-password")),
                timeout=timeout,
                unreachable_means_off=True,
            )
            assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.FAULT), reading.evidence
            assert "wrong-password" not in reading.evidence


@pytest.mark.parametrize("changes", [{"privilege": "operator"}, {"privilege": "user"}, {"kg": ""}])
async def test_a_session_of_a_lower_level_may_ask_too(ipmi_bmc: IpmiBmc, changes: dict[str, Any]) -> None:
    ipmi_bmc.set_power(False)
    reading = await ask(replace(ipmi_address(ipmi_bmc), **changes))
    assert reading.power is Power.OFF, reading.evidence


@pytest.mark.parametrize("changes", [{"kg": "6b6579"}, {"user": "nobody"}, {"cipher": "17"}])
async def test_what_opens_no_session_is_a_fault(ipmi_bmc: IpmiBmc, changes: dict[str, Any]) -> None:
    reading = await ask(replace(ipmi_address(ipmi_bmc), **changes), timeout=10.0, unreachable_means_off=True)
    assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.FAULT), reading.evidence


async def test_a_dead_bmc_is_no_proof_unless_the_operator_says_so(redfish_bmc: RedfishBmc) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        dead = Address(
            device="fence-n1",
            speaks=Speaks.IPMI,
            host="127.0.0.1",
            user=USER,
            secret=Literal(PASSWORD),
            port=silent.getsockname()[1],
            cipher="3",
        )
        reading = await ask(dead, timeout=5.0)
        assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.SILENT)
        assert "no answer within 5 s" in reading.evidence
        trusted = await ask(dead, timeout=5.0, unreachable_means_off=True)
        assert (trusted.power, trusted.kind) == (Power.OFF, ProofKind.UNCHECKED)
        assert "power_unreachable_means_off" in trusted.evidence
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = replace(redfish_address(redfish_bmc), host=f"http://127.0.0.1:{closed.getsockname()[1]}")
        reading = await ask(refused, timeout=30.0, unreachable_means_off=True)
        assert (reading.power, reading.lack) == (Power.NO_PROOF, Lack.FAULT)


async def test_one_bmc_that_says_on_outweighs_another_that_says_off(
    ipmi_bmc: IpmiBmc, redfish_bmc: RedfishBmc
) -> None:
    ipmi_bmc.set_power(False)
    redfish_bmc.set_power(True)
    reading = await ask(ipmi_address(ipmi_bmc), redfish_address(redfish_bmc))
    assert reading.power is Power.ON


async def test_no_bmc_is_no_proof() -> None:
    assert (await ask()).power is Power.NO_PROOF


async def test_passwords_from_a_file_and_a_script(ipmi_bmc: IpmiBmc, tmp_path: Path) -> None:
    ipmi_bmc.set_power(False)
    file, script = tmp_path / "password", tmp_path / "script"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    script.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
    script.chmod(0o700)
    for secret in (InFile(file), FromScript(script)):
        reading = await ask(replace(ipmi_address(ipmi_bmc), secret=secret))
        assert reading.power is Power.OFF, reading.evidence


async def test_a_password_file_that_everyone_may_read_is_refused(ipmi_bmc: IpmiBmc, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    file.chmod(0o644)
    reading = await ask(replace(ipmi_address(ipmi_bmc), secret=InFile(file)))
    assert reading.power is Power.NO_PROOF
    assert "everyone may read" in reading.evidence and PASSWORD not in reading.evidence


async def test_r20_the_password_is_on_no_command_line_and_in_no_log(
    ipmi_bmc: IpmiBmc, redfish_bmc: RedfishBmc, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    spy = tmp_path / "ipmitool"
    spy.write_text(f'#!/bin/sh\ntr "\\0" " " < /proc/$$/cmdline > {tmp_path}/seen\nexec ipmitool "$@"\n')
    spy.chmod(0o755)
    reading = await Ipmi(30.0, program=str(spy)).read(ipmi_address(ipmi_bmc))
    assert reading.power is not Power.NO_PROOF, reading.evidence
    await ask(redfish_address(redfish_bmc))
    assert "chassis power status" in (tmp_path / "seen").read_text()
    printed = capfd.readouterr()
    for place in ((tmp_path / "seen").read_text(), caplog.text, printed.out, printed.err):
        assert PASSWORD not in place


async def test_a_bmc_that_hangs_costs_only_its_time_out(ipmi_bmc: IpmiBmc) -> None:
    ipmi_bmc.set_power(False)
    os.kill(ipmi_bmc.process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        reading = await ask(ipmi_address(ipmi_bmc), timeout=1.0)
        assert reading.power is Power.NO_PROOF
        assert time.monotonic() - started < 30
    finally:
        os.kill(ipmi_bmc.process.pid, signal.SIGCONT)
