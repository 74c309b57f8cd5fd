"""Where the agents of a datacentre listen, as last heard: to ask there for a sign of life when one is lost."""

import ipaddress
from collections.abc import Mapping

from masakarimonitors.hostmonitor.drivers.consul.parse import Member

SERF_PORT = 8301
"""Where gossip listens unless `ports.serf_lan` says otherwise."""


class Places:
    """Address and port of each agent. What is no longer listed is kept: it is asked for just then."""

    def __init__(self) -> None:
        """Nothing is known."""
        self._addresses: dict[str, str] = {}
        # Only what differs from the default, of ten thousand.
        self._ports: dict[str, int] = {}

    def listed(self, addresses: Mapping[str, str]) -> None:
        """The leader's catalogue has these nodes at these addresses."""
        self._addresses |= addresses

    def gossiped(self, members: Mapping[str, Member]) -> None:
        """The local agent's gossip has these members."""
        for node, member in members.items():
            address, port = member.where
            self._addresses.setdefault(node, address)
            if port not in (0, SERF_PORT) or node in self._ports:
                self._ports[node] = port

    def of(self, host: str) -> tuple[str, int] | None:
        """The IP address and the port at which the host's agent listens; None where no IP address is known."""
        address = self._addresses.get(host, "")
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return None
        return address, self._ports.get(host) or SERF_PORT
