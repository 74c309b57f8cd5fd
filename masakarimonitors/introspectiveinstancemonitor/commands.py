"""What the decision asks of the world, other than to tell masakari-api."""

from dataclasses import dataclass

from masakarimonitors.decisions import Command


@dataclass(frozen=True, slots=True)
class ReadCounters(Command):
    """Read how the machine stands and what it has done; answered by `Counters` or `NotKnown`.

    `cpu_before` (nanoseconds) is what an earlier reading said: when it has not changed, QEMU stands still
    and must not be asked for its block counters, for that question would never come back. `blocks` is
    False when the block counters are not wanted at all.
    """

    uuid: str
    run: str
    blocks: bool
    cpu_before: int | None = None
    where: str = ""
