"""The pure half of the leader election: the Lease, who may acquire it, and how it is written.

In: a Lease of coordination.k8s.io/v1 as JSON, and for how long it has not changed. Out: facts, and the
body that acquires, renews or releases it. The ledger of what was reported hangs on it as an annotation.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from masakarimonitors.core.silences.silence import Silence, read_all, write
from masakarimonitors.hostmonitor.core.election.candidate import Candidate, read_candidate, write_candidate
from masakarimonitors.hostmonitor.core.election.unread import Part, is_no_monitor
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, read_ledger

LEDGER = "masakari-monitors/reported"
LEADER = "masakari-monitors/leader"
"""What its holder is fit for, as it has written itself."""
UNSAID = 15.0
"""Seconds for which one has a Lease that does not say for how long: as long as one of this release."""
SILENCES = "masakari-monitors/silences"
"""Whose failures somebody wants not to be told."""
CHALLENGE = "masakari-monitors/challenge"
"""Who asks the holder to give it up, because it is fitter to report."""
PLACES = {
    Part.LEDGER: f"the annotation {LEDGER}",
    Part.LEADER: f"the holder and the annotation {LEADER}",
    Part.CHALLENGE: f"the annotation {CHALLENGE}",
}
"""Where each part of the election stands on it, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSeen:
    """The Lease as it stands.

    `uid`: another one is another Lease of the same name. `leader`: the node that holds it, empty when nobody does.
    `blank`: nobody has ever held it. `version`: for a conditional write.
    `renewal`: changes whenever somebody acquires or renews it. `duration`: seconds. `ledger`: None when it
    is missing or cannot be read. `about`: what the holder has written about itself, None when an older release
    holds it. `challenge`: who asks for it. `silences`: None when they cannot be read; `senseless`: so many more make
    no sense here. `unread`: what stands there and cannot be read.
    """

    uid: str
    leader: str
    blank: bool
    version: str
    renewal: str
    duration: float
    transitions: int
    ledger: Mapping[str, LedgerEntry] | None
    body: Mapping[str, Any]
    about: Candidate | None = None
    challenge: Candidate | None = None
    silences: Sequence[Silence] | None = ()
    senseless: int = 0
    unread: frozenset[Part] = frozenset()


def read_lease(lease: Mapping[str, Any]) -> LeaseSeen:
    """From a Lease object of coordination.k8s.io/v1; raises ValueError when it is none."""
    try:
        return _read(lease)
    except (TypeError, AttributeError) as fault:
        raise ValueError(f"a Lease that cannot be read ({type(fault).__name__}: {fault})") from fault


def _read(lease: Mapping[str, Any]) -> LeaseSeen:
    metadata, spec = lease.get("metadata") or {}, lease.get("spec") or {}
    notes: Mapping[str, Any] = metadata.get("annotations") or {}
    if not isinstance(notes, dict) or not isinstance(spec, dict):
        raise TypeError("its parts are no objects")
    annotation = notes.get(LEDGER)
    about = read_candidate(str(notes.get(LEADER) or "").encode())
    leader = str(spec.get("holderIdentity") or "")
    seconds = _whole(spec.get("leaseDurationSeconds"))
    ledger = None if annotation is None else read_ledger(annotation)
    challenge = read_candidate(str(notes.get(CHALLENGE) or "").encode())
    unread = {
        # A holder of an older release says nothing of itself.
        Part.LEADER: bool(leader)
        and (is_no_monitor(Candidate(leader)) or (bool(notes.get(LEADER)) and about is None)),
        Part.CHALLENGE: bool(notes.get(CHALLENGE)) and challenge is None,
        Part.LEDGER: annotation is not None and ledger is None,
    }
    told = ((), 0) if notes.get(SILENCES) is None else read_all(str(notes[SILENCES]))
    return LeaseSeen(
        uid=str(metadata.get("uid") or ""),
        leader=leader,
        blank=not leader and not spec.get("renewTime"),
        version=str(metadata.get("resourceVersion") or ""),
        renewal=f"{leader} {spec.get('renewTime')} {spec.get('leaseTransitions')}",
        duration=float(seconds) if seconds > 0 else UNSAID,
        transitions=_whole(spec.get("leaseTransitions")),
        # One that is not there is not known: a Lease that was made anew looks the same.
        ledger=ledger,
        body=lease,
        # An older release leaves the words of its predecessor there.
        about=about if about is not None and about.node == leader else None,
        challenge=challenge,
        silences=None if told is None else told[0],
        senseless=0 if told is None else told[1],
        unread=frozenset(part for part, holds in unread.items() if holds),
    )


def _whole(value: object) -> int:
    """A number as the API has it, of 31 bits; 0 where it says none. Raises ValueError."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not -1 << 31 <= value < 1 << 31:
        raise ValueError(f"a Lease that cannot be read ({value!r:.40} stands where a number must)")
    return value


def write_lease(
    seen: LeaseSeen,
    name: str,
    own: Candidate,
    now: datetime.datetime,
    *,
    duration: int,
    ledger: str | None = None,
) -> dict[str, Any]:
    """The Lease acquired or renewed by `own` at `now`; nobody asks for it any more.

    `duration`: seconds. `ledger` None keeps the one that stands.
    """
    stamp = now.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    before = seen.body.get("spec") or {}
    same = seen.leader == own.node
    notes = _annotations(seen)
    notes.pop(CHALLENGE, None)
    notes[LEADER] = write_candidate(own).decode()
    if ledger is not None:
        notes[LEDGER] = ledger
    spec = {
        "holderIdentity": own.node,
        "leaseDurationSeconds": duration,
        "acquireTime": before.get("acquireTime") if same else stamp,
        "renewTime": stamp,
        "leaseTransitions": seen.transitions + (0 if same else 1),
    }
    return _body(seen, name, notes, spec)


def release_lease(
    seen: LeaseSeen, name: str, now: datetime.datetime, ledger: str | None = None
) -> dict[str, Any]:
    """The Lease held by nobody from `now` on; who asks for it goes first. `ledger` None keeps the one that stands."""
    notes = _annotations(seen)
    if ledger is not None:
        notes[LEDGER] = ledger
    spec = {
        **(seen.body.get("spec") or {}),
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "renewTime": now.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "leaseTransitions": seen.transitions + 1,
    }
    return _body(seen, name, notes, spec)


def blank_lease(name: str) -> dict[str, Any]:
    """One that nobody holds or has ever held."""
    return _body(None, name, {}, {})


def challenge_lease(seen: LeaseSeen, name: str, own: Candidate) -> dict[str, Any]:
    """The Lease as its holder has it, and that `own` asks for it."""
    notes = {**_annotations(seen), CHALLENGE: write_candidate(own).decode()}
    return _body(seen, name, notes, dict(seen.body.get("spec") or {}))


def silence_lease(seen: LeaseSeen, name: str, silences: Iterable[Silence]) -> dict[str, Any]:
    """The Lease as its holder has it, with these silences."""
    notes = {**_annotations(seen), SILENCES: write(silences).decode()}
    return _body(seen, name, notes, dict(seen.body.get("spec") or {}))


def _annotations(seen: LeaseSeen) -> dict[str, str]:
    return dict((seen.body.get("metadata") or {}).get("annotations") or {})


def _body(
    seen: LeaseSeen | None, name: str, notes: Mapping[str, str], spec: Mapping[str, Any]
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "annotations": dict(notes)}
    if seen is not None:
        metadata["resourceVersion"] = seen.version
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": dict(spec),
    }
