"""Leader election: a Lease of coordination.k8s.io elects the one monitor that reports.

In: the Lease, whether this node's way to masakari works, `WriteLedger`. Out: `Leader`, `Follower`, `NoElection`. By
which rules stands in `core/election/election.py`. The leader renews the Lease; one that has not been renewed for its
duration, by the observer's own clock, may be acquired. Where there is none, one is created that nobody holds, and
acquired only after the time in which whoever held an earlier one must stop: as it is then still the same one, nobody
can have acquired another meanwhile. The ledger of what was reported hangs on it as an annotation, so a
successor reads it with the same answer that makes it the leader.
"""

import asyncio
import collections
import contextlib
import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.election.candidate import Candidate
from masakarimonitors.hostmonitor.core.election.election import (
    Act,
    ElectionPolicy,
    Facts,
    Holder,
    Standing,
)
from masakarimonitors.hostmonitor.core.election.unread import Part
from masakarimonitors.hostmonitor.core.ledger import write_ledger
from masakarimonitors.hostmonitor.core.observation import Observation
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Api, ApiFault, Credentials
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.lease import (
    PLACES,
    LeaseSeen,
    blank_lease,
    challenge_lease,
    read_lease,
    release_lease,
    silence_lease,
    write_lease,
)
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.silences import LeaseSilences
from masakarimonitors.hostmonitor.drivers.kubernetes.nodes import LINK
from masakarimonitors.hostmonitor.drivers.lock_election import LockElection, two_of_one_name
from masakarimonitors.system.clock import Clock, pause
from masakarimonitors.system.tasks import apart

LOG = logging.getLogger(__name__)
_SEES = frozenset({LINK})
POLICY = ElectionPolicy(deciding=_SEES)
_LONGEST = 60.0
"""Seconds for which a holder that renews nothing has the Lease at most, whatever duration somebody has written there:
it would be followed for so long, and no release leads for more than 10 s after its last renewal."""
_DELETED = "there is no Lease, and whoever held one may still report"
_MADE_ANEW = "the Lease was made anew, and whoever held the one before may still report"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionTimings:
    """All in seconds: the figures of Kubernetes' own leader election (client-go: 15, 10, 2).

    `duration`: unrenewed for so long, the Lease may be acquired by another. `deadline`: a leader that could
    not renew for so long stops reporting, before another may begin. `renew`: between two renewals, and two looks.
    `patience`: for one answer. `refused`: until an account that may not use Leases asks again. `tick`: between two
    looks at the time.
    """

    duration: int = 15
    deadline: float = 10.0
    renew: float = 4.0
    patience: float = 3.0
    refused: float = 60.0
    tick: float = 1.0


class LeaseApi(Protocol):
    """What the election asks of `Api`, or of a test's."""

    async def read_lease(self, namespace: str, name: str, timeout: float) -> Mapping[str, Any] | None:
        """The Lease, None where there is none; raises ApiFault."""

    async def write_lease(self, namespace: str, body: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
        """Create it, or replace the version that it names; raises ApiFault, with status 409 when it is another."""


class LeaseElector:
    """The source of who leads, and the hand that writes the ledger."""

    name = "kubernetes-election"

    def __init__(
        self,
        credentials: Credentials,
        namespace: str,
        lease: str,
        own: str,
        clock: Clock,
        timings: ElectionTimings,
        policy: ElectionPolicy = POLICY,
        open_api: Callable[[Credentials], AbstractAsyncContextManager[LeaseApi]] = Api,
    ) -> None:
        """`own` is this host's name; nothing is opened before `run`."""
        self._credentials = credentials
        self._open_api = open_api
        self._namespace = namespace
        self._name = lease
        self._own = own
        self._clock = clock
        self._timings = timings
        self._news = asyncio.Event()
        self.silences = LeaseSilences(self._news.set)
        """What hangs on the Lease beside the election."""
        self._part = LockElection(
            policy,
            places={part: f"{name} of the Lease {lease} in {namespace}" for part, name in PLACES.items()},
            on_path_changed=self._news.set,
            on_wanted=self._news.set,
            on_gained=self.silences.tell_again,
        )
        self.on_path = self._part.on_path
        self.perform = self._part.perform
        # What was read last, None: nothing that is true by now; `_exists`: whether there is a Lease at all.
        self._seen: LeaseSeen | None = None
        self._exists: bool | None = None
        # When one was seen that was made anew or emptied.
        self._anew_at = -math.inf
        # Which one was seen last, also while there is none; None: none yet.
        self._uid: str | None = None
        # The renewal that was seen last, and when it was seen first.
        self._renewal = ""
        self._changed_at = -math.inf
        # The renewals that this process has asked for: another by the same name may run beside it.
        self._ours: collections.deque[str] = collections.deque(maxlen=8)
        self._namesake_at = -math.inf
        # When this monitor asked for the renewal that was answered last; None: for none.
        self._renewed_at: Instant | None = None
        self._read_fault = ""
        self._act_fault = ""
        self._not_before = -math.inf
        self._sees = True

    @property
    def troubles(self) -> Sequence[str]:
        """For people: what hangs on the Lease and cannot be read, and who renews it under this host's name."""
        passed = self._clock.now().monotonic - self._namesake_at
        namesake = (
            (two_of_one_name("renews the Lease", self._own),) if passed < self._timings.duration else ()
        )
        return (*namesake, *self._part.troubles, *self.silences.troubles)

    def on_sight(self, proven: bool) -> None:
        """Note whether this node's own view is proven: who sees nothing must not keep the Lease from those who do."""
        self._sees = proven
        self._news.set()

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled; then the Lease is released at once."""
        self._part.begin(emit, self._clock.now().monotonic)
        self.silences.begin(emit)
        try:
            await apart(self._take_part())
        finally:
            self.silences.stop()

    async def _take_part(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_and_act())
            tasks.create_task(self._watch_time())

    async def _watch_time(self) -> NoReturn:
        """Authority ends by itself, also while a question hangs."""
        while True:
            self._judge()
            await self._clock.sleep(self._timings.tick)

    async def _look_and_act(self) -> NoReturn:
        while True:
            try:
                # Opened anew after a fault, with credentials read anew: tokens expire.
                async with self._open_api(self._credentials) as api:
                    try:
                        while True:
                            await self._read(api)
                            await self._act(api)
                            await self._share(api)
                            await pause(self._clock, self._timings.renew, self._news)
                    except asyncio.CancelledError:
                        await apart(self._leave(api))
                        raise
            except ApiFault as fault:
                seconds = self._hindered(fault)
            await self._clock.sleep(seconds)

    def _hindered(self, fault: ApiFault) -> float:
        """Note what could not be read; returns after how many seconds it is tried again."""
        if not self._read_fault:
            LOG.warning("The Lease %s in %s cannot be read: %s", self._name, self._namespace, fault)
        self._read_fault = f"the Lease cannot be read: {fault}"
        self.silences.failed(self._read_fault)
        # Whose it was before is out of date, unless it is this node's: its own authority has an end.
        if self._holder(self._clock.now().monotonic) is not Holder.OWN:
            self._seen, self._exists = None, None
        self._judge()
        return self._timings.refused if fault.status == 403 else self._timings.tick

    # --- what the Lease shows -----------------------------------------------------------------------

    async def _read(self, api: LeaseApi) -> None:
        body = await api.read_lease(self._namespace, self._name, self._timings.patience)
        self._read_fault = ""
        self._take(None if body is None else _lease(body))

    def _take(self, seen: LeaseSeen | None) -> None:
        before, self._seen, self._exists = self._seen, seen, seen is not None
        now = self._clock.now().monotonic
        if seen is not None:
            # Nobody who releases a Lease leaves it blank: it was emptied, or a holder of an earlier one may be unaware.
            # What was blank before, too, may have been held in between, if it was written since.
            emptied = seen.blank and (before is None or before.version != seen.version)
            if emptied or self._uid not in (None, seen.uid):
                self._anew_at = now
            self._uid = seen.uid
        if seen is not None and seen.renewal != self._renewal:
            if self._renewal and self._is_namesakes(seen):
                self._namesake_at = now
            self._renewal, self._changed_at = seen.renewal, now
        if seen is not None and seen.renewal in self._ours:
            # However many were tried since, and not taken: the one that stands is the last to be forgotten.
            self._ours.remove(seen.renewal)
            self._ours.append(seen.renewal)
        if seen is not None:
            self.silences.take(seen.silences, seen.senseless)
            self._part.cannot_read(seen.unread)

    def _holder(self, now: float) -> Holder:
        seen = self._seen
        if seen is None:
            return Holder.UNKNOWN
        namesake = self._is_namesakes(seen)
        # Whoever holds it may lead for as long as this one would, whatever stands there. One of this host's name was
        # killed, most often: it is waited for no longer than that.
        least = self._timings.deadline
        unrenewed = least if namesake else max(min(seen.duration, _LONGEST), least)
        free = not seen.leader or now - self._changed_at > unrenewed
        own = seen.leader == self._own and not namesake
        if self._was_made_anew(now) and (own or free):
            return Holder.UNKNOWN
        return Holder.OWN if own else Holder.NOBODY if free else Holder.OTHER

    def _is_namesakes(self, seen: LeaseSeen) -> bool:
        """Whether another process holds it under this host's name: one before this one, or one that runs beside it."""
        return seen.leader == self._own and seen.renewal not in self._ours

    def _was_made_anew(self, now: float) -> bool:
        """Whether it was replaced or emptied so lately that whoever held it may not know it yet, and reports."""
        return self._exists is True and now - self._anew_at < self._timings.deadline

    def _why_closed(self, now: float) -> str:
        if self._was_made_anew(now) and self._holder(now) is Holder.UNKNOWN:
            return _MADE_ANEW
        return _DELETED if self._exists is False else ""

    def _candidate(self) -> Candidate:
        return Candidate(self._own, _SEES if self._sees else frozenset(), self._part.delivers)

    def _renewed_for(self, seconds: float, now: Instant) -> float:
        """The monotonic second at which the renewal is so old: the Lease's time went on while this computer slept."""
        return -math.inf if self._renewed_at is None else self._renewed_at.old_at(seconds, now)

    def _facts(self, at: Instant) -> Facts:
        seen, own, now = self._seen, self._candidate(), at.monotonic
        # A holder of an older release says nothing of itself, and sees what it was elected for.
        leader = None if seen is None else seen.about or Candidate(seen.leader, _SEES)
        due = now >= self._renewed_for(self._timings.renew * 0.9, at)
        return Facts(
            own=own,
            holder=self._holder(now),
            leader=leader,
            challenge=None if seen is None else seen.challenge,
            unread_challenge=seen is not None and Part.CHALLENGE in seen.unread,
            certain_until=self._renewed_for(self._timings.deadline, at),
            announced=not due and own == leader and self._part.draft.wanted is None,
            why=self._read_fault or self._act_fault or self._why_closed(now),
        )

    def _judge(self) -> Act:
        """Look at what is known now, and say what follows."""
        at = self._clock.now()
        return self._part.judge(self._facts(at), self._seen.ledger if self._seen else None, at)

    # --- the hand -----------------------------------------------------------------------------------

    async def _act(self, api: LeaseApi) -> None:
        """One act; a fault of it is kept and tried again, and does not keep from reading."""
        act, now = self._judge(), self._clock.now().monotonic
        missing = self._exists is False
        if (act is Act.NOTHING and not missing) or now < self._not_before:
            return
        try:
            if missing:
                await self._put(api, blank_lease(self._name))
            else:
                await self._carry_out(api, act)
            self._act_fault = ""
        except ApiFault as fault:
            if not self._act_fault:
                LOG.warning("The Lease %s in %s cannot be written: %s", self._name, self._namespace, fault)
            self._act_fault = f"the Lease cannot be written: {fault}"
            # With 409 somebody else was quicker: who it is, and what stands there now, the next look says.
            pause = self._timings.refused if fault.status == 403 else self._timings.tick
            self._not_before = now + random.uniform(0.5, 1.0) * pause
            if fault.status == 409:
                await self._clock.sleep(random.uniform(0.1, 0.5) * self._timings.tick)
                self._not_before = -math.inf
                self._news.set()
        self._judge()

    async def _carry_out(self, api: LeaseApi, act: Act) -> None:
        seen = self._seen
        match act:
            case Act.ACQUIRE | Act.RENEW | Act.ANNOUNCE | Act.DROP if seen is not None:
                await self._hold(api, seen)
            case Act.CHALLENGE if seen is not None:
                LOG.info("%s leads and is less fit to report than this node: challenging it", seen.leader)
                await self._put(api, challenge_lease(seen, self._name, self._candidate()))
                self._part.challenged(self._clock.now().monotonic)
            case Act.RELEASE if seen is not None:
                await self._release(api, seen)

    async def _hold(self, api: LeaseApi, seen: LeaseSeen) -> None:
        """Acquire the Lease or renew it; what a leader has to write down goes with it."""
        asked = self._clock.now()
        # Only what it wrote as the leader: what is found first decides what it may write on its first day.
        leads = self._part.standing is Standing.LEADING
        wanted = self._part.draft.wanted if leads else None
        ledger = None if wanted is None else write_ledger(wanted).decode()
        body = write_lease(
            seen, self._name, self._candidate(), asked.wall, duration=self._timings.duration, ledger=ledger
        )
        # Noted before: it may be carried out though no answer comes.
        self._ours.append(read_lease(body).renewal)
        await self._put(api, body)
        self._renewed_at = asked
        if wanted is not None:
            self._part.draft = self._part.draft.stored(wanted)

    async def _share(self, api: LeaseApi) -> None:
        """Write the silences that the Lease lacks; whoever holds it."""
        seen = self._seen
        wanted = None if seen is None else self.silences.due(seen.silences, self._clock.now().wall)
        if seen is None or wanted is None:
            return
        try:
            await self._put(api, silence_lease(seen, self._name, wanted))
        except ApiFault as fault:
            if fault.status != 409:
                self.silences.failed(f"the Lease cannot be written: {fault}")
                return
            # Somebody else was quicker: what stands there now, the next look says.
            await self._clock.sleep(random.uniform(0.1, 0.5) * self._timings.tick)
            self._news.set()

    async def _release(self, api: LeaseApi, seen: LeaseSeen) -> None:
        """Free the Lease; what is not written yet goes with it."""
        draft = self._part.draft
        wanted = None if draft.wanted is None or not draft.as_leader else write_ledger(draft.wanted).decode()
        await self._put(api, release_lease(seen, self._name, self._clock.now().wall, wanted))
        self._renewed_at = None

    async def _put(self, api: LeaseApi, body: dict[str, object]) -> None:
        written = await api.write_lease(self._namespace, body, self._timings.patience)
        self._take(_lease(written))

    async def _leave(self, api: LeaseApi) -> None:
        """At a clean stop another monitor may acquire the Lease moments later."""
        if self._holder(self._clock.now().monotonic) is not Holder.OWN:
            return
        with contextlib.suppress(ApiFault, TimeoutError):
            # A busy store answers in that time; one that hangs is not waited for.
            async with asyncio.timeout(3.0):
                await self._read(api)
                if self._seen is not None and self._holder(self._clock.now().monotonic) is Holder.OWN:
                    await self._release(api, self._seen)


def _lease(body: Mapping[str, Any]) -> LeaseSeen:
    """What an answer shows; raises ApiFault."""
    try:
        return read_lease(body)
    except ValueError as fault:
        raise ApiFault(f"the API server sent {fault}") from fault
