"""Whether a guest that does not answer is nevertheless at work, judged from two readings of its counters.

A dead agent in a living guest must not cost the guest a reset; a dead guest must not pass for a living
one. Completed block requests prove life. Processor time proves it only when a virtual processor both
worked and rested: a panicked or locked-up kernel spins at full load, a stopped or deadlocked one idles,
and both are what a hung guest looks like.
"""

from dataclasses import KW_ONLY, dataclass

from masakarimonitors.introspectiveinstancemonitor.core.observation import Counters

RESTING = 0.10
"""A virtual processor that wants less than this share of the time only serves its timer (an idle Linux guest
wants 0.2-3 %)."""

SPINNING = 0.90
"""A virtual processor that wants more than this share of the time may be in a panic loop or a soft lockup."""

WINDOW = 4.0
"""Seconds: two readings closer together than this say nothing by what did not move between them."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What two readings say: `moving` means at work; `words` is the evidence for an operator.

    `complete` is False when the block requests could not be compared, though QEMU was able to tell them:
    then stillness is not established. `frozen`: QEMU itself stood still, or did not answer libvirt. `told` is False
    when nothing says what the virtual processors did, and QEMU used more processor time than a guest that rests: then
    it may be at work, and nobody knows.
    """

    moving: bool
    words: str
    _: KW_ONLY
    complete: bool = True
    frozen: bool = False
    told: bool = True


def frozen(before: Counters, after: Counters) -> bool:
    """Whether QEMU itself used no processor time at all: even its own event loop stands still."""
    return after.at - before.at >= WINDOW and after.cpu == before.cpu


def compare(before: Counters, after: Counters) -> Signs | None:
    """The signs of life between two readings of the same life, or None when they cannot be compared.

    What moved proves life however soon it did: a guest that has just come back must not be accused on two readings from
    before that. A virtual processor's demand is the time it ran plus the time it stood ready and the host gave it
    none, so that an overloaded host does not make a spinning guest look busy and rested.
    """
    span = after.at - before.at
    requests = _requests_between(before, after)
    if before.run != after.run or span <= 0 or (span < WINDOW and not requests):
        return None
    if requests:
        return Signs(True, f"{requests} block requests completed in {span:.0f} s")
    if frozen(before, after):
        return Signs(False, f"QEMU used no processor time at all for {span:.0f} s", frozen=True)
    demands = [
        ((new.ran + new.waited) - (old.ran + old.waited)) / 1e9 / span
        for old, new in zip(before.vcpus, after.vcpus, strict=False)
    ]
    working = [demand for demand in demands if RESTING < demand < SPINNING]
    # All of QEMU's threads together, the virtual processors among them: where that is little, none of these works.
    used = (after.cpu - before.cpu) / 1e9 / span
    loads = ", ".join(f"{demand:.0%}" for demand in demands) or f"not known, all of QEMU at {used:.0%}"
    known = requests is not None
    blocks = "no block request completed" if known else after.unread or "block requests not known yet"
    return Signs(
        bool(working),
        f"{blocks}, virtual processors at {loads} over {span:.0f} s",
        complete=known or after.mute,
        frozen=after.mute and not known and not working,
        told=bool(demands) or 0 <= used <= RESTING,
    )


def _requests_between(before: Counters, after: Counters) -> int | None:
    if before.requests is None or after.requests is None:
        return None
    # A hot-unplugged disk takes its count away with it; whatever changed, something was done.
    return abs(after.requests - before.requests)
