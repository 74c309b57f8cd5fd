"""`[host] power_config_file`: where BMCs are, for clusters whose CIB does not say it, or says it wrongly.

YAML, host -> driver, address, username, credentials_file and so on. Every fault is named with its
line and column; a broken file is refused whole. Passwords never stand in this file itself: each
entry names a credentials_file that only its owner can read.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml

from masakarimonitors.hostmonitor.power.bmc import Address, InFile, Speaks
from masakarimonitors.hostmonitor.power.ownership import shared
from masakarimonitors.hostmonitor.power.redact import holds_login
from masakarimonitors.system.files.yaml_file import Faults, read

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
    "target": "ipmitool's -t, the address of a blade behind this BMC (0x72)",
    "privilege": "ipmitool's -L, callback, user, operator or administrator",
}
_DIGITS = 5
"""Of the largest port."""
_REQUIRED = ("driver", "address", "credentials_file")


def parse(text: str, name: str) -> Mapping[str, Address]:
    """The addresses by host; `name` is the file's, for messages. Raises YamlFileFault."""
    return read(text, lambda root, faults: _Walk(name, faults).hosts(root), before=f"{name}: ")


class _Walk:
    """One pass over the nodes; faults are gathered so that all are named at once."""

    def __init__(self, name: str, faults: Faults) -> None:
        self._name = name
        self.faults = faults

    def hosts(self, root: yaml.Node | None) -> dict[str, Address]:
        if root is None:
            return {}
        addresses: dict[str, Address] = {}
        seen: dict[str, yaml.Node] = {}
        for key, node in self._pairs(root, "a mapping of host to BMC"):
            if key.lower() in seen:
                self.faults.add(
                    node, f"{key} is listed twice (host names are compared without regard to case)"
                )
            seen[key.lower()] = node
            address = self._address(key, node)
            if address is not None:
                addresses[key] = address
        for host, words in shared({host: (one,) for host, one in addresses.items()}).items():
            self.faults.add(seen[host], words)
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
        self._choice(node, host, values, "privilege", ("callback", "user", "operator", "administrator"))
        if holds_login(values.get("address", "")):
            # Its words are not repeated: a password may stand in it.
            self.faults.add(node, f"{host}: address must not hold a user name or a password; see username")
        for key in ("port", "cipher_suite"):
            digits = values.get(key, "0")
            if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS and int(digits) < 65536):
                self.faults.add(node, f"{host}: {key} must be {_KEYS[key]}, not {values[key]!r}")
        if len(self.faults.found) > before:
            return None
        verify = values.get("verify", "true")
        return Address(
            device=f"{self._name}: {host}",
            speaks=Speaks(values["driver"]),
            host=values["address"],
            user=values.get("username", ""),
            secret=InFile(Path(values["credentials_file"])),
            port=int(values.get("port", "0")),
            lanplus=values.get("interface", "lanplus") == "lanplus",
            cipher=values.get("cipher_suite", ""),
            system=values.get("system", ""),
            target=values.get("target", ""),
            privilege=values.get("privilege", ""),
            verify={"true": True, "yes": True, "false": False, "no": False}.get(verify.lower(), verify),
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
