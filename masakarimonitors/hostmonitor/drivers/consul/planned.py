"""Which hosts are in Consul's maintenance mode: planned work, pure.

In: what each datacentre's leader lists. Out: the hosts on which work begins and on which it has ended. A host is
worked on as long as one of its datacentres shows it. It has ended only where a leader lists the host without it: of one
that is listed no more, or is not seen, nobody has said so.
"""

from collections.abc import Collection, Mapping


class PlannedWork:
    """Shared by the datacentres of one monitor; `link` is a datacentre's."""

    def __init__(self) -> None:
        """Nobody is at work anywhere."""
        self._links: dict[str, dict[str, str]] = {}

    def begins(self, link: str, work: Mapping[str, str]) -> list[str]:
        """Its leader shows these in maintenance mode (host -> what of it); returns those of which that is new."""
        before = self._links.setdefault(link, {})
        news = [host for host, what in work.items() if not self.of(host) or before.get(host) != what]
        before.update(work)
        return news

    def ends(self, link: str, work: Mapping[str, str], listed: Collection[str]) -> list[str]:
        """Its leader lists these, and of them only `work` in maintenance mode; returns those whose work has ended."""
        here = self._links.setdefault(link, {})
        over = [host for host in here if host not in work and host in listed]
        for host in over:
            del here[host]
        return [host for host in over if not self.of(host)]

    @property
    def hosts(self) -> frozenset[str]:
        """Those that are worked on."""
        return frozenset().union(*self._links.values())

    def of(self, host: str) -> str:
        """What of the host is in maintenance mode, and where; nothing if nothing is."""
        found = [f"{here[host]}, by {link}" for link, here in self._links.items() if host in here]
        return "; ".join(found)
