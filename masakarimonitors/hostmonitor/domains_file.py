"""Reads the failure domains: a YAML map of host names to the names of their domains.

Text in, a mapping out, or `DomainsFault` with the line and column of every fault.
"""

from collections.abc import Mapping

import yaml

from masakarimonitors.system.yaml_faults import Fault, Faults, compose, fault_at


class DomainsFault(ValueError):
    """The file cannot be used; the message lists everything that must be mended."""

    def __init__(self, *faults: Fault) -> None:
        """Join the faults."""
        self.faults = faults
        super().__init__("; ".join(str(fault) for fault in faults))


def parse(text: str) -> Mapping[str, str]:
    """Host -> domain; raises `DomainsFault`. An empty file has no domains."""
    root = compose(text)
    if isinstance(root, Fault):
        raise DomainsFault(root)
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise DomainsFault(
            fault_at(root, "expected a mapping of host names to domains, such as node01: rack1")
        )
    faults = Faults()
    domains: dict[str, str] = {}
    for key, value in root.value:
        if not isinstance(key, yaml.ScalarNode) or not key.value:
            faults.add(key, "this is not the name of a host")
        elif not isinstance(value, yaml.ScalarNode) or not value.value:
            faults.add(value, f"the domain of {key.value} must be one name")
        elif key.value in domains:
            faults.add(key, f"{key.value} stands twice")
        else:
            domains[key.value] = value.value
    if faults.found:
        raise DomainsFault(*faults.found)
    return domains
