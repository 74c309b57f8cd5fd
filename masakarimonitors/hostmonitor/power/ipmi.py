"""IPMI: a BMC asked through ipmitool.

In: an `Address`. Out: one `Reading`, always: every fault is a NO_PROOF with its evidence. Secrets go by environment,
never on a command line, where every user of this host could read them, and never into the evidence.
"""

import os
import re

from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.power import rmcp
from masakarimonitors.hostmonitor.power.bmc import Address, Lack, Reading, SecretFault
from masakarimonitors.hostmonitor.power.names import Names
from masakarimonitors.hostmonitor.power.redact import shown
from masakarimonitors.system.network.tcp import Knock
from masakarimonitors.system.processes.command import Finished, run

_ANSWER = re.compile(r"^Chassis Power is (on|off)\s*$", re.MULTILINE)

# What ipmitool 1.8 (18 and 19) says when no session could be opened, for whatever reason.
_NO_SESSION = re.compile(
    r"Unable to establish|no response|timed?[ -]?out|Get Auth Capabilities|Error in open session|"
    r"Get (Session Challenge|Channel Authentication Capabilities) command failed|Ping failed",
    re.IGNORECASE,
)
# What it says when the BMC has refused what it was given.
_REFUSED = re.compile(
    r"RAKP|HMAC|password|passphrase|unauthorized|invalid (user|role)|privilege|cipher|Activate Session|"
    r"Authentication|Address lookup|Unknown (interface|cipher)|invalid (parameter|option)|Kg",
    re.IGNORECASE,
)


class Ipmi:
    """Asks with `ipmitool chassis power status`."""

    def __init__(
        self, timeout: float, cipher_suite: str = "", program: str = "ipmitool", *, names: Names | None = None
    ) -> None:
        """`timeout` in seconds for one call; `cipher_suite` for BMCs whose address names none."""
        self._timeout = timeout
        self._cipher = cipher_suite
        self._program = program
        self._names = names or Names(timeout)

    async def read(self, address: Address) -> Reading:
        """Ask once; every fault is a NO_PROOF with its evidence."""
        try:
            password = await address.secret.reveal()
            environment = {**os.environ, "IPMITOOL_PASSWORD": password, "LC_ALL": "C", **_kg(address.kg)}
            argv = [self._program, *self._options(address), "chassis", "power", "status"]
            finished = await run(argv, timeout=self._timeout, env=environment)
        except SecretFault as fault:
            return Reading(Power.NO_PROOF, f"{address.device}: {fault}", Lack.FAULT)
        except FileNotFoundError:
            words = f"{self._program} cannot be run: No such file or directory; install it"
            return Reading(Power.NO_PROOF, words, Lack.FAULT)
        except (OSError, ValueError) as fault:
            why = getattr(fault, "strerror", None) or fault
            words = f"{address.shown}: {self._program} cannot be run ({why})"
            return Reading(Power.NO_PROOF, words, Lack.FAULT)
        said = _ANSWER.search(finished.output)
        if finished.ok and said:
            return Reading(
                Power.OFF if said[1] == "off" else Power.ON, f"{address.shown} says power {said[1]}"
            )
        words = shown(finished.errors or finished.output, password, address.kg) or "no words"
        return await self._lacking(address, finished, words)

    def _options(self, address: Address) -> list[str]:
        options = [
            "-I",
            "lanplus" if address.lanplus else "lan",
            "-H",
            address.host,
            "-U",
            address.user,
            "-E",
        ]
        if address.port:
            options += ["-p", str(address.port)]
        cipher = address.cipher or self._cipher
        if cipher and address.lanplus:
            options += ["-C", cipher]
        if address.privilege:
            options += ["-L", address.privilege.upper()]
        if address.auth and not address.lanplus:
            options += ["-A", address.auth.upper()]
        if address.target:
            options += ["-t", address.target]
        if address.kg:
            options += ["-K"]
        return options

    async def _lacking(self, address: Address, finished: Finished, words: str) -> Reading:
        """No word about power came: is the BMC silent, was it asked wrongly, or is its answer odd?"""
        where = address.shown
        if finished.timed_out:
            words = f"{where} gave no answer within {self._timeout:.0f} s"
        else:
            words = f"{where}: ipmitool exit code {finished.exit_code}: {words}"
            said = finished.errors or finished.output
            if not _NO_SESSION.search(said):
                return Reading(Power.NO_PROOF, words, Lack.FAULT if _REFUSED.search(said) else Lack.ODD)
        how, why = await rmcp.ping(address.host, address.port or rmcp.PORT, self._names)
        if how is Knock.SILENT:
            return Reading(Power.NO_PROOF, f"{words}, and {why}", Lack.SILENT)
        if how is Knock.ACCEPTED:
            why += ", but opens no session: wrong user name, password, cipher suite or privilege level, or it is busy"
        return Reading(Power.NO_PROOF, f"{words}; {why}", Lack.FAULT)


def _kg(digits: str) -> dict[str, str]:
    """The environment that carries a BMC key; ipmitool fills it up with zeros to 20 bytes itself."""
    if not digits:
        return {}
    return {"IPMI_KGKEY": os.fsdecode(bytes.fromhex(digits).rstrip(b"\0"))}
