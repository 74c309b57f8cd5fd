"""What belongs together of all that is told of one instance besides its death, so that each is told once.

Pure. libvirt tells of one reboot twice, and of a failing disk once for each failed request. The same words within
the settle time are one story; the words of I/O errors are one story until the instance is started, resumed or
rebooted, ends, or has had no error for `QUIET` seconds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.offers.again import Ended
from masakarimonitors.instancemonitor.core.told import Fate, Step, move
from masakarimonitors.instancemonitor.core.wire_events import IO_ERROR, IO_ERRORS, WireEvent

QUIET = 120.0
"""Seconds without an I/O error after which it counts as over: so long monitors have always offered a report of one
before they gave it up, and less than the 180 s for which masakari-api calls a second one a duplicate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stories:
    """The words that were due of one instance, with when each was last due (monotonic seconds), and its I/O errors.

    `failing_since`: when its I/O errors began (seconds since 1970; 0: it has none); `failed_at`: the monotonic second
    of the last one that was seen, `failing_from` that of the first one of this life; `failed_before`: for how many
    seconds it had failed in the last life; `failures`: which of their words were told, or wait;
    `due`: the report on which masakari acts is to be sent, and waits; `put_off`: how often its wait began anew. `fate`:
    what has become of that report, which was made at `made` (seconds since 1970), and `not_taken`: how it ended, if
    masakari has not taken it.
    """

    said: Mapping[WireEvent, float] = field(default_factory=dict)
    failing_since: float = 0.0
    failed_at: float = -math.inf
    failing_from: float = math.inf
    failed_before: float = 0.0
    failures: frozenset[WireEvent] = frozenset()
    due: bool = False
    put_off: int = 0
    fate: Fate = Fate.NONE
    made: float = 0.0
    not_taken: Ended = field(default_factory=lambda: Ended(times=0))

    @property
    def failing(self) -> bool:
        """Whether it has I/O errors."""
        return self.failing_since > 0

    @property
    def quiet_at(self) -> float:
        """The monotonic second at which its I/O errors are over, if there is none until then."""
        return self.failed_at + QUIET

    def hear(self, word: WireEvent, settle: float, now: Instant) -> tuple["Stories", bool]:
        """With this word, and whether it begins a story; `settle` in seconds."""
        last = self.said.get(word)
        after = replace(self, said={**self.said, word: now.monotonic})
        if word in IO_ERRORS:
            after = replace(
                after,
                failing_since=self.failing_since or now.wall.timestamp(),
                failed_at=now.monotonic,
                failing_from=min(self.failing_from, now.monotonic),
                failures=self.failures | {word},
            )
            return after, word not in self.failures
        return after, last is None or now.monotonic - last > settle

    def reported(self, now: Instant) -> "Stories":
        """The report on which masakari acts is made."""
        return replace(
            self,
            due=False,
            put_off=0,
            fate=move(self.fate, Step.MADE),
            made=now.wall.timestamp(),
        )

    def settled(self, how: Step, now: Instant) -> "Stories":
        """That report has ended so."""
        fate = move(self.fate, how)
        if fate is Fate.NOT_TAKEN is not self.fate:
            return replace(self, fate=fate, not_taken=Ended(self.not_taken.times + 1, now.monotonic))
        return replace(self, fate=fate)

    def may_be_told_again(self) -> "Stories":
        """masakari may take by now what it did not take: another error of the same begins the story anew."""
        return replace(self, failures=self.failures - {IO_ERROR})

    def look_again(self, now: Instant, before: float = 0.0, *, halted: bool = False) -> "Stories":
        """I/O errors that are remembered from before a restart, where they had lasted for `before` seconds.

        They go on if they began a short while ago, or if the guest is `halted`: it stands still because of one of them.
        Else nobody knows: quiet from now on, and not to be reported before another one is heard.
        """
        is_first = self.failed_at == -math.inf
        if not self.failing or self.failing_from < math.inf or not (is_first or halted):
            return self
        age = max(0.0, now.wall.timestamp() - self.failing_since)
        if is_first and age < QUIET:
            return replace(self, failed_at=now.monotonic - age, failing_from=now.monotonic - age)
        since = now.monotonic if halted else math.inf
        return replace(self, failed_at=now.monotonic, failing_from=since, failed_before=before)

    def heard_again(self, away_since: float, now: Instant) -> "Stories":
        """There may have been an I/O error since monotonic second `away_since`, unheard: quiet from now on.

        For how long it has failed is counted without the time in which nobody heard.
        """
        if self.failed_at == -math.inf:
            return self
        if self.failing_from == math.inf:
            return replace(self, failed_at=now.monotonic)
        missed = now.monotonic - max(self.failing_from, away_since)
        return replace(self, failed_at=now.monotonic, failing_from=self.failing_from + missed)

    def ended(self) -> "Stories":
        """Without its I/O errors."""
        return Stories(said=self.said)
