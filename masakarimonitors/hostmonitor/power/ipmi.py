"""IPMI over the network through ipmitool.

The password goes by environment (`-E`), never on the command line, where every user of the machine
could read it.
"""

import os
import re

from masakarimonitors.hostmonitor.observation import Power
from masakarimonitors.hostmonitor.power.bmc import Address, Reading
from masakarimonitors.hostmonitor.power.secret import SecretFault
from masakarimonitors.system.command import run

_ANSWER = re.compile(r"^Chassis Power is (on|off)\s*$", re.MULTILINE)


class Ipmi:
    """Asks with `ipmitool chassis power status`."""

    def __init__(self, timeout: float, cipher_suite: str = "", program: str = "ipmitool") -> None:
        """`timeout` in seconds for one call; `cipher_suite` for BMCs whose address names none."""
        self._timeout = timeout
        self._cipher = cipher_suite
        self._program = program

    async def read(self, address: Address) -> Reading:
        """Ask once; every fault is a NO_PROOF with its evidence."""
        try:
            password = await address.secret.reveal()
        except SecretFault as fault:
            return Reading(Power.NO_PROOF, f"{address.device}: {fault}")
        argv = [
            self._program,
            "-I",
            "lanplus" if address.lanplus else "lan",
            "-H",
            address.host,
            "-U",
            address.user,
            "-E",
        ]
        if address.port:
            argv += ["-p", str(address.port)]
        cipher = address.cipher or self._cipher
        if cipher and address.lanplus:
            argv += ["-C", cipher]
        try:
            finished = await run(
                [*argv, "chassis", "power", "status"],
                timeout=self._timeout,
                env={**os.environ, "IPMITOOL_PASSWORD": password, "LC_ALL": "C"},
            )
        except OSError as fault:
            return Reading(Power.NO_PROOF, f"{self._program} cannot be run: {fault.strerror}; install it")
        said = _ANSWER.search(finished.output)
        where = f"{address.device}: BMC {address.host}"
        if finished.ok and said:
            return Reading(Power.OFF if said[1] == "off" else Power.ON, f"{where} says power {said[1]}")
        if finished.timed_out:
            return Reading(Power.NO_PROOF, f"{where} gave no answer within {self._timeout:.0f} s")
        words = " ".join((finished.errors or finished.output).split())[:200]
        if password:
            words = words.replace(password, "***")
        return Reading(
            Power.NO_PROOF, f"{where}: ipmitool exit code {finished.exit_code}: {words or 'no words'}"
        )
