"""Proof of death: what was seen of a host's power, how old it may be, and what several of them say together.

Pure. One proof of each kind is kept, the newest. It counts for twice the time that an answer may take; older ones
say what was, not what is. Two that are fresh and contradict each other prove nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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


def keep(proofs: tuple[Proof, ...], seen: PowerSeen) -> tuple[Proof, ...]:
    """The proofs with what was just seen; no proof takes none away: a BMC that stops answering takes nothing back."""
    if seen.power is Power.NO_PROOF:
        return proofs
    # A driver that does not say what it rests on: unasked it can only be fencing, asked a BMC.
    kind = seen.kind or (ProofKind.FENCED if seen.in_reply_to is None else ProofKind.BMC)
    others = tuple(proof for proof in proofs if proof.kind is not kind)
    return (*others, Proof(seen.power, kind, seen.at, seen.evidence))


def fresh(proofs: Sequence[Proof], now: float, limit: float) -> list[Proof]:
    """Those that are younger than `limit` seconds."""
    return [proof for proof in proofs if now < proof.at.monotonic + limit]


def weigh(proofs: Sequence[Proof], now: float, limit: float) -> Evidence:
    """What they say at monotonic second `now`; those of `limit` seconds and more say nothing."""
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


def expires(proofs: Sequence[Proof], limit: float, *, unchecked: bool = False) -> float:
    """The monotonic second from which the newest OFF is too old; minus infinity without one.

    A checked OFF, unless it is asked about the `unchecked` one.
    """
    times = [
        proof.at.monotonic + limit
        for proof in proofs
        if proof.power is Power.OFF and (proof.kind is ProofKind.UNCHECKED) is unchecked
    ]
    return max(times, default=float("-inf"))
