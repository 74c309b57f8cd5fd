"""Who should rather be the reporter: what a node says of itself, how that is written, and which of two is fitter.

Pure. In: the links that a node sees, whether its way to masakari works, the matrix. Out: a rank that never makes two
nodes wait for each other, and the form in which candidates stand in the cluster engine.
"""

import itertools
import json
from dataclasses import dataclass

from masakarimonitors.hostmonitor.core.evidence.matrix import Matrix


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node and what it is fit for: what a leader, and whoever asks for its place, writes about itself.

    `sees`: the links whose view is proven. `delivers`: whether its own way to masakari works, None while it does
    not know. `beat`: counts up for as long as the leader lives; None where none is promised.
    """

    node: str
    sees: frozenset[str] = frozenset()
    delivers: bool | None = None
    beat: int | None = None


def read_candidate(value: bytes) -> Candidate | None:
    """From `write_candidate`, of this or another release; None for anything else.

    Monitors of several releases elect one together: what is not known here is read over, and what is not written there
    is taken for not known.
    """
    try:
        fields = json.loads(value)
        node, sees = str(fields["node"]), frozenset(map(str, fields["sees"]))
        delivers, beat = fields.get("delivers"), fields.get("beat")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Candidate(
        node,
        sees,
        delivers if isinstance(delivers, bool) else None,
        beat if isinstance(beat, int) and not isinstance(beat, bool) else None,
    )


def write_candidate(candidate: Candidate) -> bytes:
    """About itself, where all read it; what is not known is left out."""
    fields: dict[str, object] = {"node": candidate.node, "sees": sorted(candidate.sees)}
    if candidate.delivers is not None:
        fields["delivers"] = candidate.delivers
    if candidate.beat is not None:
        fields["beat"] = candidate.beat
    return json.dumps(fields).encode()


def deciding_links(matrix: Matrix) -> frozenset[str]:
    """The links whose value can make the difference between recovery and none."""
    found = set()
    for at, link in enumerate(matrix.sequence):
        for vector in itertools.product((True, False), repeat=len(matrix.sequence)):
            other = (*vector[:at], not vector[at], *vector[at + 1 :])
            if (vector in matrix.recover) != (other in matrix.recover):
                found.add(link)
                break
    return frozenset(found)


def fitter(one: Candidate | None, other: Candidate | None, deciding: frozenset[str]) -> bool:
    """Whether `one` should rather lead: it sees more of the links that decide, or as many and only it delivers.

    Or, where both say the same of that, it sees more of all links: any of them may show planned work, which holds the
    report of a failure. Never both ways round, and never between two that are as fit: whoever leads then stays. One
    that does not know whether it delivers is not fitter than anybody for it, and nobody is fitter than it.
    """
    if one is None:
        return False
    ours = len(one.sees & deciding)
    theirs = -1 if other is None else len(other.sees & deciding)
    if ours != theirs:
        return ours > theirs
    if other is None or one.delivers is not other.delivers:
        return other is not None and one.delivers is True and other.delivers is False
    return len(one.sees) > len(other.sees)


def shown(candidate: Candidate | None) -> str:
    """A name for people; what a lock's holder has written may not be readable."""
    return candidate.node if candidate and candidate.node else "a monitor that did not write its name"
