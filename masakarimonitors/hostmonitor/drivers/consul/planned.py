"""Which hosts are in Consul's maintenance mode: planned work, pure.

In: what each datacentre's leader lists. Out: the hosts on which work begins, ends, or is shown by others than before. A
host is worked on as long as one of its datacentres shows it. It has ended only where a leader lists the host without
it: of one that is listed no more, or is not seen, nobody has said so.
"""

from collections.abc import Collection


class PlannedWork:
    """Shared by the datacentres of one monitor; `link` is a datacentre's."""

    def __init__(self) -> None:
        """Nobody is at work anywhere."""
        self._links: dict[str, set[str]] = {}

    def begins(self, link: str, work: Collection[str]) -> list[str]:
        """Its leader shows these hosts in maintenance mode; returns those of which that is new."""
        here = self._links.setdefault(link, set())
        news = [host for host in work if host not in here]
        here.update(news)
        return news

    def ends(self, link: str, work: Collection[str], listed: Collection[str]) -> list[str]:
        """Its leader lists these, and of them only `work` in maintenance mode; returns those that it shows no more."""
        here = self._links.setdefault(link, set())
        over = [host for host in here if host not in work and host in listed]
        here.difference_update(over)
        return over

    @property
    def hosts(self) -> frozenset[str]:
        """Those that are worked on."""
        return frozenset().union(*self._links.values())

    def links(self, host: str) -> tuple[str, ...]:
        """The datacentres that show the host in maintenance mode."""
        return tuple(link for link, here in self._links.items() if host in here)
