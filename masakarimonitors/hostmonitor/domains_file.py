"""Reads the failure domains: a YAML map of host names to the names of their domains.

Text in, a mapping out, or `DomainsFault` with the line and column of every fault.
"""

from collections.abc import Mapping

import yaml

from masakarimonitors.hostmonitor.matrix_file import Fault, not_yaml


class DomainsFault(ValueError):
    """The file cannot be used; the message lists everything that must be mended."""

    def __init__(self, *faults: Fault) -> None:
        """Join the faults."""
        self.faults = faults
        super().__init__("; ".join(str(fault) for fault in faults))


def parse(text: str) -> Mapping[str, str]:
    """Host -> domain; raises `DomainsFault`. An empty file has no domains."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        raise DomainsFault(not_yaml(text, error)) from error
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise DomainsFault(_fault(root, "expected a mapping of host names to domains, such as node01: rack1"))
    faults: list[Fault] = []
    domains: dict[str, str] = {}
    for key, value in root.value:
        if not isinstance(key, yaml.ScalarNode) or not key.value:
            faults.append(_fault(key, "this is not the name of a host"))
        elif not isinstance(value, yaml.ScalarNode) or not value.value:
            faults.append(_fault(value, f"the domain of {key.value} must be one name"))
        elif key.value in domains:
            faults.append(_fault(key, f"{key.value} stands twice"))
        else:
            domains[key.value] = value.value
    if faults:
        raise DomainsFault(*faults)
    return domains


def _fault(node: yaml.Node, what: str) -> Fault:
    return Fault(node.start_mark.line + 1, node.start_mark.column + 1, what)
