"""Leader election: a lock in the first datacentre's key-value store elects the one monitor that reports.

In: the election's keys, the links that this node sees, whether its way to masakari works, `WriteLedger`. Out:
`Leader`, `Follower`, `NoElection`. By which rules stands in `core/election/election.py`; here is what Consul knows of
it, and the hand that acts there. Whatever fails is tried again by itself, and nothing that fails stops the looking.
"""

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Callable, Sequence
from typing import NoReturn

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
from masakarimonitors.hostmonitor.core.observation import Observation
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, Agent, AgentFault, Forbidden, NotThere
from masakarimonitors.hostmonitor.drivers.consul.datacentre import ProvenLinks
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import (
    ElectionRecord,
    ElectionTimings,
    Shown,
)
from masakarimonitors.hostmonitor.drivers.consul.leadership.keys import ElectionKeys
from masakarimonitors.hostmonitor.drivers.consul.leadership.session import Session
from masakarimonitors.hostmonitor.drivers.consul.leadership.silences import StoredSilences
from masakarimonitors.hostmonitor.drivers.lock_election import LockElection, two_of_one_name
from masakarimonitors.system.clock import Clock, beat, pause
from masakarimonitors.system.tasks import apart

LOG = logging.getLogger(__name__)


class Elector:
    """The source of who leads, and the hand that writes the ledger. `link` is the first datacentre's."""

    name = "consul-election"

    def __init__(
        self,
        link: str,
        access: Access,
        own: str,
        clock: Clock,
        *,
        prefix: str,
        timings: ElectionTimings,
        policy: ElectionPolicy,
    ) -> None:
        """`prefix` of the keys ends with a slash. Nothing is opened before `run`."""
        self._link = link
        self._own = own
        self._clock = clock
        self._timings = timings
        self._agent = Agent(access)
        self._session = Session(
            self._agent,
            own,
            clock,
            ttl=timings.ttl,
            certain=timings.certain,
            patience=timings.patience,
            on_doubt=self._doubted,
        )
        self._keys = ElectionKeys(self._agent, prefix, clock, patience=timings.patience, wait=timings.wait)
        self.silences = StoredSilences(self._keys, clock)
        """What stands beside the election's keys."""
        self._news = asyncio.Event()
        self._to_write = asyncio.Event()
        self._part = LockElection(
            policy,
            places=self._keys.places,
            on_path_changed=self._news.set,
            on_wanted=self._to_write.set,
            on_gained=self._gained,
        )
        self.on_path = self._part.on_path
        self.perform = self._part.perform
        self._shown = Shown()
        # Whether this process has looked for one before it, the session that it found, and what its holder last said.
        self._looked, self._old_session = False, ""
        self._old_words: Candidate | None = None
        # As the leader: how often it has said that it lives, and when it last asked for what was then written.
        self._beat = 0
        self._written_at: Instant | None = None
        # What hinders reading and acting, and until when nothing is tried again.
        self._read_fault = self._act_fault = ""
        self._not_before = 0.0
        self._renew_now = asyncio.Event()
        self.links = ProvenLinks(self._news.set, self._unstick)
        """Which links this node sees: the datacentres' sources note it here."""

    async def run(self, emit: Callable[[Observation], None]) -> None:
        """Until cancelled; then the lock is released at once."""
        self._part.begin(emit, self._now())
        self.silences.begin(emit)
        async with self._agent:
            try:
                await apart(self._take_part())
            finally:
                self.silences.stop()
                await apart(self._leave())

    async def _take_part(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for work in (self._follow(), self._keep_session(), self._keep_ledger(), self._act()):
                tasks.create_task(work)

    async def _leave(self) -> None:
        """At a clean stop: a released lock is free at once, and another monitor holds it moments later."""
        session = self._session.id
        holds = self._holder() is Holder.OWN
        self._session.doubt("this monitor stops")
        try:
            if holds:
                with contextlib.suppress(AgentFault, TimeoutError):
                    # A busy store answers in that time; one that hangs is not waited for.
                    async with asyncio.timeout(3.0):
                        await self._hand_over(session)
        finally:
            with contextlib.suppress(AgentFault):
                await self._session.end()

    # --- what the store shows ---------------------------------------------------------------------

    async def _follow(self) -> NoReturn:
        while True:
            try:
                await self._keys.follow(self._take)
            except AgentFault as fault:
                self._note("read", fault)
                self._read_fault = str(fault)
                if isinstance(fault, NotThere):
                    self._agent_gone(fault)
                # A connection that broke may be the agent's end: the next question shows it.
                self._renew_now.set()
                # Whose the lock was before is out of date, unless it is this node's: its own authority has an end.
                if self._holder() is not Holder.OWN:
                    self._shown = self._shown.out_of_date()
                self._judge()
                await asyncio.sleep(self._pause_after(fault))

    def _take(self, record: ElectionRecord, asked: float) -> None:
        """The store showed this to a question of the moment `asked`."""
        self._shown = self._shown.after(record, asked, self._now())
        if self._read_fault:
            LOG.info("The store of the election, through %s, answers again", self._link)
            self._read_fault = ""
        self._judge()
        if self._shown.record is record:
            self._part.cannot_read(record.unread)
        self.silences.take(record.silences, record.senseless)
        self._news.set()

    def _unstick(self, link: str) -> None:
        """Queries to that agent were found hanging; a lock that is free must not be noticed half a minute late."""
        if link == self._link:
            self._keys.ask_anew()

    def _holder(self) -> Holder:
        record = self._shown.record
        if record is None or self._session.was(record.session):
            return Holder.UNKNOWN
        if not record.session:
            return Holder.NOBODY
        return Holder.OWN if record.session == self._session.id else Holder.OTHER

    def _candidate(self) -> Candidate:
        return Candidate(self._own, self.links.proven, self._part.delivers, self._beat)

    def _certain_until(self, now: Instant) -> float:
        """Whoever cannot write cannot say that it lives, and others cease to count on it."""
        written, unwritten = self._written_at, self._timings.unwritten
        return min(self._session.until(now), -math.inf if written is None else written.old_at(unwritten, now))

    def _facts(self, now: Instant) -> Facts:
        record, holder = self._shown.record or ElectionRecord(), self._holder()
        own, leader = self._candidate(), record.leader
        sighted = self._link in self.links.proven
        if not sighted:
            why = f"datacentre {self._link}, where the reporter is elected, is not seen"
        else:
            held = self._session.why if holder is Holder.OWN else ""
            why = self._read_fault or held or self._act_fault
        return Facts(
            own=own,
            sighted=sighted,
            holder=holder,
            leader=leader,
            challenge=record.challenge,
            unread_challenge=Part.CHALLENGE in record.unread,
            certain_until=self._certain_until(now),
            alive_until=self._shown.alive_until(self._timings.unheard),
            announced=own == leader,
            # A session that is not renewed may outlive a store without a leader; one that was given up there, too.
            can_release=self._session.sure,
            why=why,
        )

    # --- what follows from it ---------------------------------------------------------------------

    def _judge(self) -> Act:
        """Look at what is known now, and say what follows: at every change, before anything else is done."""
        now, record = self._clock.now(), self._shown.record
        return self._part.judge(self._facts(now), record.ledger if record is not None else None, now)

    def _gained(self) -> None:
        """It leads from now on: what it has reported while nobody did is to be written."""
        self._to_write.set()
        self.silences.tell_again()

    def _doubted(self) -> None:
        if not self._session.id:
            self._keys.ask_anew()
        self._judge()
        self._news.set()

    @property
    def troubles(self) -> Sequence[str]:
        """For people: what stands in the store that cannot be read, and who holds the lock under this host's name."""
        record = self._shown.record
        beside = record is not None and self._looked and self._is_namesakes() and not self._may_be_old(record)
        namesake = (two_of_one_name("holds the lock", self._own),) if beside else ()
        return (*namesake, *self._part.troubles, *self.silences.troubles)

    @property
    def leads(self) -> bool:
        """Whether this monitor is the reporter."""
        return self._part.standing is Standing.LEADING

    # --- the hand ---------------------------------------------------------------------------------

    async def _act(self) -> NoReturn:
        beaten = self._now()
        while True:
            if self.leads and self._now() - beaten >= self._timings.beat:
                beaten = self._now()
                self._beat += 1
            act = self._judge()
            # To give up the lock is tried at once, and once: with its session it is forgotten in any case.
            if act is Act.RELEASE or self._now() >= self._not_before:
                try:
                    if not self._looked and self._shown.record is not None:
                        try:
                            await self._end_old_self(self._shown.record)
                        finally:
                            self._looked = True
                    await self._carry_out(act)
                    self._act_fault = "" if act is not Act.NOTHING else self._act_fault
                except AgentFault as fault:
                    self._note("act", fault)
                    self._act_fault = str(fault)
                    self._not_before = self._now() + self._pause_after(fault)
            await pause(self._clock, beat(self._clock, self._timings.retry), self._news)

    async def _end_old_self(self, record: ElectionRecord) -> None:
        """This node's monitor was killed and has come back: it need not wait until its old session ends by itself.

        Ended, and not released: another process of this name may live and report. Consul keeps the lock from everybody
        for the lock-delay, and by then that one has stopped.
        """
        if self._is_namesakes():
            self._old_session, self._old_words = record.session, record.leader
            await self._session.destroy(record.session)

    def _may_be_old(self, record: ElectionRecord) -> bool:
        """Whether the one that holds the lock may be the killed one, whose session ends by itself: it has said nothing
        since."""
        promised = record.leader is not None and record.leader.beat is not None
        return record.session == self._old_session and promised and record.leader == self._old_words

    def _is_namesakes(self) -> bool:
        """Whether another process holds the lock under this host's name: one before this one, or one beside it."""
        record = self._shown.record
        leader = None if record is None else record.leader
        return self._holder() is Holder.OTHER and leader is not None and leader.node == self._own

    async def _carry_out(self, act: Act) -> None:
        """One act; raises AgentFault. What has come of it is looked at by the next `_judge`."""
        match act:
            case Act.ACQUIRE:
                await self._acquire()
            case Act.RENEW | Act.ANNOUNCE:
                await self._announce()
            case Act.CHALLENGE:
                # Who can have none could not acquire the lock, and the leader would give it up in vain.
                await self._session.ensure()
                LOG.info("Another monitor leads and is less fit to report than this node: challenging it")
                await self._keys.challenge(self._candidate())
                self._part.challenged(self._now())
            case Act.DROP:
                await self._keys.drop_challenge()
            case Act.RELEASE:
                await self._release()
            case Act.NOTHING:
                return
        if act in (Act.ANNOUNCE, Act.ACQUIRE):
            self._news.set()
        else:
            # Not at once again: the store shows what has come of it.
            self._not_before = self._now() + self._timings.retry

    async def _acquire(self) -> None:
        record = self._shown.record
        # All monitors see at once that the lock is free; in a large cloud they must not all ask at once.
        await asyncio.sleep(random.uniform(0, self.links.members / 2000))
        if record is None or self._shown.record is not record:
            return
        # Also one that there is must be known to live: Consul refuses a dead one harshly.
        await self._session.ensure()
        if not await self._put_lock():
            # Another was quicker, or Consul keeps it from all for the lock-delay.
            spread = self._timings.retry / 2 + self.links.members / 500
            self._not_before = self._now() + self._timings.retry + random.uniform(0, spread)
            return
        if record.asked_for:
            await self._keys.drop_challenge()
        # Only now: whoever led before cannot write any more.
        asked = self._now()
        self._take(await self._keys.read(), asked)
        # An answer that is under way may still show the lock as it was.
        self._keys.ask_anew()

    async def _announce(self) -> None:
        # With a session that is gone Consul would only fail, and not say that.
        await self._session.renew()
        if self._session.id and not await self._put_lock():
            self._lost()

    async def _put_lock(self) -> bool:
        """Acquire the lock, or write its value anew: whether it is this node's now."""
        own, asked = self._candidate(), self._clock.now()
        held = await self._keys.acquire(own, self._session.id)
        if held:
            self._written_at = asked
            if self._holder() is Holder.OWN:
                self._shown = self._shown.changed(leader=own)
        return held

    async def _release(self) -> None:
        """Free the lock and give up the session; raises AgentFault, and nothing else in its place.

        Whoever cancels it must hear of the cancellation and not of what else fails: so nothing is asked in a `finally`.
        """
        session, fault = self._session.id, None
        if session:
            try:
                await self._hand_over(session)
            except AgentFault as one:
                fault = one
        # Even if the lock could not be released: it goes with its session.
        try:
            await self._session.end()
        except AgentFault as one:
            fault = one
        self._lost()
        if fault is not None:
            raise fault

    async def _hand_over(self, session: str) -> None:
        """Write what is not written yet, while the lock is still held, and free it; raises AgentFault."""
        draft, fault = self._part.draft, None
        if draft.as_leader and draft.wanted is not None:
            try:
                await self._keys.write_ledger(draft.wanted, session)
            except AgentFault as one:
                fault = one
        await self._keys.release(self._candidate(), session)
        if fault is not None:
            raise fault

    def _lost(self) -> None:
        """What was read is not true any more: ask for what is."""
        self._shown = self._shown.out_of_date()
        self._keys.ask_anew()
        self._judge()

    async def _keep_session(self) -> NoReturn:
        """Renew it for as long as something may hang on it; what is being given up is left to end."""
        idle = (Standing.RELEASING, Standing.FOLLOWING)
        while True:
            seconds = self._timings.renew
            if self._session.id and self._part.standing not in idle:
                try:
                    await self._session.renew()
                    # While it leads the core hears until when that is certain, and the hand has nothing to do.
                    if not self.leads or self._judge() is not Act.NOTHING:
                        self._news.set()
                except AgentFault as fault:
                    seconds = min(self._timings.retry, seconds)
                    if isinstance(fault, NotThere):
                        self._agent_gone(fault)
            soonest = self._now() + min(0.02, seconds)
            if await pause(self._clock, beat(self._clock, seconds), self._renew_now):
                await asyncio.sleep(soonest - self._now())

    def _agent_gone(self, fault: NotThere) -> None:
        """The session ends with its agent, at once when that one has left."""
        self._session.doubt(f"this node's agent, with which its session ends, is gone ({fault})")

    async def _keep_ledger(self) -> NoReturn:
        """Write the newest ledger, on the condition that this session still holds the lock."""
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            while self.leads and (entries := self._part.draft.wanted) is not None:
                try:
                    written = await self._keys.write_ledger(entries, self._session.id)
                except AgentFault as fault:
                    self._part.cannot_write(str(fault))
                    await asyncio.sleep(self._timings.retry)
                    continue
                self._part.cannot_write("")
                if not written:
                    # Another's ledger is not overwritten.
                    self._lost()
                    break
                self._part.draft = self._part.draft.stored(entries)
                if self._holder() is Holder.OWN:
                    self._shown = self._shown.changed(ledger=entries)

    def _pause_after(self, fault: AgentFault) -> float:
        return self._timings.refused if isinstance(fault, Forbidden) else self._timings.retry

    def _now(self) -> float:
        return self._clock.now().monotonic

    def _note(self, what: str, fault: AgentFault) -> None:
        """Say what hinders the election, once until it goes well again."""
        if not (self._read_fault if what == "read" else self._act_fault):
            LOG.warning("The election of the reporter is hindered: %s", fault)
