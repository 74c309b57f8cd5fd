"""Proof of death: what was seen of a host's power, how old it may be, and what several of them say together.

Pure. One proof of each kind is kept, the newest. It counts for twice the time that an answer may take; older ones
say what was, not what is. Two that are fresh and contradict each other prove nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Power, PowerSeen, ProofKind


@dataclass(frozen=True, slots=True)
class Proof:
    """One answer about a host's power (OFF or ON): on what it rests, when it was seen, in whose words."""

    power: Power
    kind: ProofKind
    at: Instant
    evidence: str


class Evidence(StrEnum):
    """What the proofs of a host say together at one moment."""

    NONE = "nothing proves that it is off"
    ON = "its power is on"
    OFF = "it is proven off"
    UNCHECKED = "nobody has checked that it is off"
    CONTRADICTED = "its proofs contradict each other"


def keep(proofs: tuple[Proof, ...], seen: PowerSeen, planned_until: float = -math.inf) -> tuple[Proof, ...]:
    """The proofs with what was just told, unless a newer one of its kind is known; no proof takes none away: a BMC that
    stops answering takes nothing back.

    `planned_until`: the monotonic second at which planned work has ended; a proof of before is worth less.
    """
    if seen.power is Power.NO_PROOF:
        return proofs
    # A driver that does not say what it rests on: unasked it can only be fencing, asked a BMC.
    kind = seen.kind or (ProofKind.FENCED if seen.in_reply_to is None else ProofKind.BMC)
    proof = Proof(seen.power, kind, seen.at, seen.evidence)
    if seen.at.monotonic < planned_until:
        return _with_older(proofs, proof)
    return _with_newest(proofs, proof)


def after_work(proofs: tuple[Proof, ...], planned_until: float) -> tuple[Proof, ...]:
    """What they are worth once planned work has ended, at that monotonic second: somebody may have switched it on.

    Where a BMC said that it is off, it is asked anew. A fencing is told by nobody a second time, so it stays, as what
    nobody has checked since. A mark that somebody has set stands until they take it away; and that the power was on
    speaks for nobody's death.
    """
    kept: tuple[Proof, ...] = ()
    for proof in proofs:
        kept = _with_older(kept, proof) if proof.at.monotonic < planned_until else (*kept, proof)
    return kept


def after_another(proofs: tuple[Proof, ...]) -> tuple[Proof, ...]:
    """What they are worth once another monitor has reported: only the reporter asks BMCs, and the other may have heard
    since that the power is on. What says so stays, and what is told to all monitors alike."""
    return tuple(one for one in proofs if one.power is not Power.OFF or one.kind is not ProofKind.BMC)


def _with_older(proofs: tuple[Proof, ...], proof: Proof) -> tuple[Proof, ...]:
    """With a proof of before the end of planned work, as far as it counts, unless there is a newer one of its kind."""
    if proof.power is Power.OFF and proof.kind is ProofKind.BMC:
        return proofs
    if proof.power is Power.OFF and proof.kind is ProofKind.FENCED:
        proof = replace(proof, kind=ProofKind.UNCHECKED)
    return _with_newest(proofs, proof)


def _with_newest(proofs: tuple[Proof, ...], proof: Proof) -> tuple[Proof, ...]:
    """With a proof, unless one of its kind is newer: a slow answer, or a fencing of before, may be told last."""
    same = [other for other in proofs if other.kind is proof.kind]
    if any(other.at.monotonic > proof.at.monotonic for other in same):
        return proofs
    return (*(other for other in proofs if other.kind is not proof.kind), proof)


def fresh(proofs: Sequence[Proof], now: Instant, limit: float) -> list[Proof]:
    """Those that are younger than `limit` seconds, by both clocks."""
    return [proof for proof in proofs if now.monotonic < proof.at.old_at(limit, now)]


def weigh(proofs: Sequence[Proof], now: Instant, limit: float) -> Evidence:
    """What they say `now`; those of `limit` seconds and more say nothing."""
    checked, unchecked = set(), False
    counted = fresh(proofs, now, limit)
    for proof in counted:
        if proof.kind is ProofKind.UNCHECKED and proof.power is Power.OFF:
            unchecked = True
        elif not _overtaken(proof, counted):
            checked.add(proof.power)
    if checked >= {Power.ON, Power.OFF}:
        return Evidence.CONTRADICTED
    if Power.ON in checked:
        return Evidence.ON
    if Power.OFF in checked:
        return Evidence.OFF
    return Evidence.UNCHECKED if unchecked else Evidence.NONE


def _overtaken(proof: Proof, by: Sequence[Proof]) -> bool:
    """A host whose power was on is switched off by its cluster: what its BMC said before contradicts nothing.

    A mark that somebody sets (a taint) switches nothing off, so it overtakes nothing.
    """
    return proof.power is Power.ON and any(
        other.kind is ProofKind.FENCED
        and other.power is Power.OFF
        and other.at.monotonic > proof.at.monotonic
        for other in by
    )


def expires(proofs: Sequence[Proof], now: Instant, limit: float, *, unchecked: bool = False) -> float:
    """The monotonic second from which the newest OFF is too old, as far as is known now; minus infinity without one.

    A checked OFF, unless it is asked about the `unchecked` one.
    """
    times = [
        proof.at.old_at(limit, now)
        for proof in proofs
        if proof.power is Power.OFF and (proof.kind is ProofKind.UNCHECKED) is unchecked
    ]
    return max(times, default=float("-inf"))
