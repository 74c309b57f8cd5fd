"""Whether what a datacentre's leader lists is of the past: its store was restored from a snapshot. Pure.

In: each list, and Consul's index at which each check in it was last changed. Out: whether it may be used. Whatever
differs from a list that was followed was changed after it, so its index is above that list's; only a snapshot that was
put back shows a change that is older. From then on the leader calls whoever was critical in those days critical, and
dead ones passing, until it looks at all its members next (its ReconcileInterval, 60 s). Who has followed nothing yet
has gossip to compare it with, of which the leader's word follows within moments otherwise.
"""

from collections.abc import Mapping

from masakarimonitors.core.decision import Instant

SET_RIGHT_IN = 90.0
"""Seconds after which a leader has compared its list with all its members, and written what differs: what it says then
is of now, however old it is. Measured with Consul 1.8.7: 35 s after the restoration, by its look each 60 s."""

LOOK_AGAIN = 10.0
"""Seconds between two looks meanwhile: each one reads the whole list from the leader, on every host at once."""


class Followed:
    """What was followed last, which outlives a watch."""

    def __init__(self) -> None:
        """Nothing was followed: any list is as good as another."""
        self._health: Mapping[str, bool] = {}
        self._index = 0
        self._since: Instant | None = None
        # By node, the last change that was shown since then.
        self._shown: Mapping[str, int] = {}
        self._begun = False
        self._denied_since: Instant | None = None

    def is_denied(self, denied: bool, now: Instant) -> bool:
        """Whether the first list of this life may be of the past: gossip calls one alive that it calls critical."""
        if self._begun:
            return False
        if denied:
            self._denied_since = now if self._denied_since is None else self._denied_since
            if now.monotonic < self._denied_since.old_at(SET_RIGHT_IN, now):
                self._health, self._index = {}, 0
                return True
        self._begun = True
        return False

    def is_past(self, health: Mapping[str, bool], changed_at: Mapping[str, int], now: Instant) -> bool:
        """Whether this list (node -> not critical) shows changes that are older than what was followed.

        `changed_at`: by node, as far as it may have changed, the index of its last change; 0 where none is told. One
        that goes back once more, while the first restoration is set right, is another: the wrong snapshot, say, was put
        back at first.
        """
        old = any(
            0 < index <= self._index and self._health.get(node, health.get(node)) is not health.get(node)
            for node, index in changed_at.items()
        )
        if not old:
            self._since, self._shown = None, {}
            return False
        again = any(index < self._shown.get(node, 0) for node, index in changed_at.items())
        self._since = now if self._since is None or again else self._since
        self._shown = changed_at
        return now.monotonic < self._since.old_at(SET_RIGHT_IN, now)

    def follow(self, health: Mapping[str, bool], index: int) -> None:
        """This list was taken, and followed up to this index: what goes back behind it was restored anew."""
        self._health, self._index = health, index
        self._since, self._shown = None, {}
