"""What is said of the monitors of all hosts in a line each, wherever people look. Pure.

In: what a host monitor tells of the fleet, as JSON, of this or another release. Out: lines; nothing where there is
nothing.
"""

from collections.abc import Mapping
from typing import Any


def lines(fleet: Any) -> list[str]:
    """In the order in which they are read."""
    if not isinstance(fleet, Mapping):
        return []
    said = []
    if fleet.get("not_told"):
        said.append(f"the monitors of other hosts are not told how this one is: {fleet['not_told']}")
    if fleet.get("not_read"):
        said.append(f"what the monitors of other hosts say cannot be read: {fleet['not_read']}")
    counts = fleet.get("counts")
    if isinstance(counts, Mapping):
        said.append(_counted(counts, fleet))
    elif fleet.get("seen_by"):
        said.append(f"how the monitors of all hosts stand beside each other is seen by {fleet['seen_by']}")
    return said


def _counted(counts: Mapping[Any, Any], fleet: Mapping[str, Any]) -> str:
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    more = [f"the monitors of all hosts: {told}", f"most have version {fleet.get('version')}"]
    if fleet.get("strangers"):
        more.append(f"{fleet['strangers']} speak for hosts that are not known here")
    more.append(f"as read {str(fleet.get('read'))[:19].replace('T', ' ')} UTC")
    return "; ".join(more)
