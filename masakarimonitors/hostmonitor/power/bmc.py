"""Where a BMC is and what it says: the vocabulary that IPMI and Redfish share."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from masakarimonitors.hostmonitor.observation import Power
from masakarimonitors.hostmonitor.power.secret import Secret


class Speaks(StrEnum):
    """What a BMC speaks."""

    IPMI = "ipmi"
    REDFISH = "redfish"


@dataclass(frozen=True, slots=True)
class Address:
    """One BMC. `device` names where this was read: a stonith resource or a line of a file.

    `port` 0 is the protocol's own. `cipher` is an IPMI cipher suite or empty for the tool's choice.
    `system` is the Redfish system's path, or empty where the BMC has only one. `verify`: the BMC's TLS
    certificate is checked (a path: against that CA file).
    """

    device: str
    speaks: Speaks
    host: str
    user: str
    secret: Secret
    port: int = 0
    lanplus: bool = True
    cipher: str = ""
    system: str = ""
    tls: bool = True
    verify: bool | str = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What one BMC said, and the evidence in a few words (no secrets)."""

    power: Power
    evidence: str


class Bmc(Protocol):
    """Asks one BMC."""

    async def read(self, address: Address) -> Reading:
        """Ask once, within a time of its own; every fault is a NO_PROOF with its evidence."""
