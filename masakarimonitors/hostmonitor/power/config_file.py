"""`[host] power_config_file`: where BMCs are, for clusters whose CIB does not say it.

YAML, host -> driver, address, username, credentials_file and so on. Every fault is named with its
line and column; a broken file is refused whole. Passwords never stand in this file itself: each
entry names a credentials_file that only its owner can read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from masakarimonitors.hostmonitor.power.bmc import Address, Speaks
from masakarimonitors.hostmonitor.power.secret import InFile
from masakarimonitors.system.yaml_faults import Fault, Faults, compose

_KEYS = {
    "driver": "ipmi or redfish",
    "address": "host name or address of the BMC; for redfish also an URL",
    "port": "a port number",
    "username": "the BMC's user",
    "credentials_file": "a file whose only line is the password",
    "cipher_suite": "ipmitool's -C, a number",
    "interface": "lan or lanplus",
    "system": "the Redfish system's path",
    "verify": "true, false, or the path of a CA file",
}
_REQUIRED = ("driver", "address", "credentials_file")


@dataclass(frozen=True, slots=True)
class PowerFileFault(ValueError):
    """The file cannot be used; one line for each fault, with line and column counted from 1."""

    faults: tuple[str, ...]

    def __str__(self) -> str:
        """All of them."""
        return "\n".join(self.faults)


def parse(text: str, name: str) -> Mapping[str, Address]:
    """The addresses by host; `name` is the file's, for messages. Raises PowerFileFault."""
    root = compose(text)
    if isinstance(root, Fault):
        raise PowerFileFault((f"{name}: {root}",))
    reader = _Reader(name)
    addresses = reader.hosts(root)
    if reader.faults.found:
        raise PowerFileFault(tuple(f"{name}: {fault}" for fault in reader.faults.found))
    return addresses


class _Reader:
    """One pass over the nodes; faults are gathered so that all are named at once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.faults = Faults()

    def hosts(self, root: yaml.Node | None) -> dict[str, Address]:
        if root is None:
            return {}
        addresses: dict[str, Address] = {}
        for key, node in self._pairs(root, "a mapping of host to BMC"):
            if key in addresses:
                self.faults.add(node, f"{key} is listed twice")
            address = self._address(key, node)
            if address is not None:
                addresses[key] = address
        return addresses

    def _address(self, host: str, node: yaml.Node) -> Address | None:
        before = len(self.faults.found)
        values: dict[str, str] = {}
        for key, value in self._pairs(node, f"{host}: a mapping with {', '.join(_KEYS)}"):
            if key not in _KEYS:
                self.faults.add(value, f"{host}: unknown key {key}; there are {', '.join(_KEYS)}")
            elif key in values:
                self.faults.add(value, f"{host}: {key} is given twice")
            elif not isinstance(value, yaml.ScalarNode) or not value.value:
                self.faults.add(value, f"{host}: {key} must be {_KEYS[key]}")
            else:
                values[key] = value.value
        for key in _REQUIRED:
            if key not in values and len(self.faults.found) == before:
                self.faults.add(node, f"{host}: {key} is missing: {_KEYS[key]}")
        self._choice(node, host, values, "driver", ("ipmi", "redfish"))
        self._choice(node, host, values, "interface", ("lan", "lanplus"))
        for key in ("port", "cipher_suite"):
            if not values.get(key, "0").isdigit():
                self.faults.add(node, f"{host}: {key} must be {_KEYS[key]}, not {values[key]!r}")
        if len(self.faults.found) > before:
            return None
        verify = values.get("verify", "true")
        return Address(
            f"{self._name}: {host}",
            Speaks(values["driver"]),
            values["address"],
            values.get("username", ""),
            InFile(Path(values["credentials_file"])),
            int(values.get("port", "0")),
            values.get("interface", "lanplus") == "lanplus",
            values.get("cipher_suite", ""),
            values.get("system", ""),
            True,
            {"true": True, "yes": True, "false": False, "no": False}.get(verify.lower(), verify),
        )

    def _choice(
        self, node: yaml.Node, host: str, values: dict[str, str], key: str, choices: tuple[str, ...]
    ) -> None:
        if key in values and values[key] not in choices:
            self.faults.add(node, f"{host}: {key} must be {' or '.join(choices)}, not {values[key]!r}")

    def _pairs(self, node: yaml.Node, what: str) -> list[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self.faults.add(node, f"expected {what}")
            return []
        pairs = []
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value:
                pairs.append((str(key.value), value))
            else:
                self.faults.add(key, "a key must be a plain word")
        return pairs
