"""The proof of death, as a host driver uses it: it learns where BMCs are, and answers `CheckPower`.

In: the CIB's resources each time they are read, and the question about one host. Out: one
`PowerSeen`, always, whatever went wrong; NO_PROOF is an answer.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

from masakarimonitors.hostmonitor.observation import CheckPower, PowerSeen
from masakarimonitors.hostmonitor.power import config_file, stonith
from masakarimonitors.hostmonitor.power.bmc import Address, Speaks
from masakarimonitors.hostmonitor.power.check import PowerCheck
from masakarimonitors.hostmonitor.power.ipmi import Ipmi
from masakarimonitors.hostmonitor.power.redfish import Redfish
from masakarimonitors.hostmonitor.power.secret import SecretFault, read_private
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PowerPolicy:
    """`[host]` as far as BMCs are concerned; `timeout` in seconds for one question."""

    timeout: float = 5.0
    cipher_suite: str = ""
    config_file: Path | None = None
    unreachable_means_off: bool = False


class PowerConfigFault(Exception):
    """The power_config_file cannot be used; the message says what to mend."""


class Proof:
    """Knows the BMCs of all hosts and asks them."""

    def __init__(self, policy: PowerPolicy, clock: Clock) -> None:
        """Read the power_config_file, if there is one; raises PowerConfigFault."""
        self._clock = clock
        self._listed = _listed(policy.config_file)
        self._found = stonith.Found({})
        self._seen = b""
        self._redfish = Redfish(policy.timeout)
        self._check = PowerCheck(
            {Speaks.IPMI: Ipmi(policy.timeout, policy.cipher_suite), Speaks.REDFISH: self._redfish},
            clock,
            unreachable_means_off=policy.unreachable_means_off,
        )

    def learn(self, resources: Element) -> None:
        """Take over what the CIB's `<resources>` say; remarks are logged when they change."""
        seen = tostring(resources)
        if seen == self._seen:
            return
        self._seen = seen
        before, self._found = self._found, stonith.find(resources)
        for remark in self._found.remarks:
            if remark not in before.remarks:
                LOG.warning("A fencing device proves nothing by its BMC: %s", remark)

    def addresses(self, host: str) -> tuple[Address, ...]:
        """Every BMC known for `host`: the file's first, then those of the fencing devices."""
        listed = self._listed.get(host)
        return ((listed,) if listed else ()) + self._found.by_host.get(host, ())

    async def prove(self, question: CheckPower) -> PowerSeen:
        """Ask; exactly one answer, NO_PROOF on any error."""
        reading = await self._check.check(question.host, self.addresses(question.host))
        return PowerSeen(question.host, reading.power, reading.evidence, self._clock.now(), answers=question)

    def close(self) -> None:
        """Ask no more."""
        self._redfish.close()


def _listed(path: Path | None) -> Mapping[str, Address]:
    if path is None:
        return {}
    try:
        addresses = config_file.parse(read_private(path), str(path))
        for address in addresses.values():
            # Looked at now: a file that will be refused must not be found out in the middle of a failure.
            if hasattr(address.secret, "path"):
                read_private(address.secret.path)
    except (config_file.PowerFileFault, SecretFault) as fault:
        raise PowerConfigFault(
            f"[host] power_config_file cannot be used, so no host's death could be proven by it:\n{fault}"
        ) from fault
    return addresses
