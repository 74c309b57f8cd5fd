"""What the instance monitor knows of each instance, and the part of it that is remembered on disk.

On disk stands, per instance and libvirt, whether it was up, arriving, or reported as failed when it was last seen:
against this, what died while nobody listened is noticed at the next start. And when each libvirt was looked at: a
life that began later and is over was seen by nobody.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace

from masakarimonitors.core.changed_rules import InForce
from masakarimonitors.core.decision import JSON, NOTHING, Decision, Instant, Remember
from masakarimonitors.core.offers.again import Ended, Looks
from masakarimonitors.core.storm import GuardPolicy, Storm
from masakarimonitors.core.storm_memory import OldStorms
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Leaving, Phase
from masakarimonitors.instancemonitor.core.observation import Identity, InstanceRules, Reading
from masakarimonitors.instancemonitor.core.sight import ending, halt, hearing, legible
from masakarimonitors.instancemonitor.core.sight.connection import Connection, Libvirt, Shift
from masakarimonitors.instancemonitor.core.sight.ending import Ending, Question, Sign, Step
from masakarimonitors.instancemonitor.core.sight.halt import Bidding, Halt, Pause, Word
from masakarimonitors.instancemonitor.core.sight.hearing import Boot, Heard, Hearing, Since
from masakarimonitors.instancemonitor.core.sight.legible import Legible, Look
from masakarimonitors.instancemonitor.core.stories import Stories
from masakarimonitors.instancemonitor.core.told import Fate
from masakarimonitors.libvirt import life
from masakarimonitors.libvirt.life import Likeness

# Keys and values on disk are older than these names and stay: "machine:" and "condition".
HOST = "host"
PREFIX = "machine:"

UNTOLD = "libvirt lists it, but does not tell how it stands"
_GONE = "libvirt did not tell how it stands, and does not list it any more"

MISSES = 2
"""Missing from so many censuses in a row an instance has left: one may have been made while it moved."""

Place = tuple[str, str]
"""One instance at one libvirt: URI and uuid. During a live migration an instance has two places."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`hostname` as masakari knows this host; `settle_time` in seconds; `actionable_only`: [libvirt] report.

    `boot_id` is the kernel's identity of this boot; `guard`: how many instances of one libvirt that have I/O errors
    together are a storm (`domain_threshold`; 0: their number does not matter). `expiry`: seconds for which a report
    waits at most ([DEFAULT] notification_expiry).
    """

    hostname: str
    settle_time: float = 0.3
    actionable_only: bool = False
    boot_id: str = ""
    _: KW_ONLY
    guard: GuardPolicy = field(default_factory=GuardPolicy)
    expiry: float = 86400.0

    def under(self, state: "State") -> "Policy":
        """The rules that are in force in this state."""
        rules = state.in_force.rules
        if rules is None:
            return self
        return replace(
            self, guard=rules.guard, settle_time=rules.settle_time, actionable_only=rules.actionable_only
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance at one libvirt; `key`: under which it is on disk.

    `identity` names the life that was last seen, too, `since` when it was first seen up, or arriving (seconds since
    1970; 0: not known). `number`: of the last event of its life (0: none; -1: it is only remembered). `reported`: when
    its last death was first reported; `fate`: what became of the last report of it, made at `made` (0: at `reported`),
    `not_taken`: how it ended, if masakari has not taken it, and `dropped`: in which words it was taken back. `life`:
    when by its log the life began that was last read of it since (0: none was); `held`: when it had vanished,
    dead or for no reason that was told (0: its libvirt lists it); `noted_at`: the monotonic second of the last of
    `reported`, `made` and `held` (None: of an earlier run).
    `defined`: whether libvirt keeps a definition of it (None: not told). `leaving`: whether it was held for the end of
    a live migration from here when last heard of. `ending`: what tells of its end, where its libvirt does not.
    `hearing`: whether events of it may have been missed since it was last seen, `unheard`: since when (seconds since
    1970; 0: of an earlier run). `boot`: whether it is known only from before this host was started. `missed`: censuses
    in a row that did not list it; `question`: whether it is open what the disk tells of that. `as_of`: after which
    event the last look began that told of it, or did not list it. `legible`: whether its libvirt tells how it stands,
    `read_before`: of one that is not, when its libvirt had been looked at before that. `alarm`: what was last said of
    it that asks for a human; `halt`: why it stands still; `bidding`: whether a signal has bidden
    its QEMU end. `storages`: on what its disks are, as it was last told (None: it was not).
    """

    identity: Identity
    key: str
    phase: Phase = Phase.DOWN
    number: int = 0
    since: float = 0.0
    reported: float = 0.0
    fate: Fate = Fate.NONE
    made: float = 0.0
    not_taken: Ended = field(default_factory=lambda: Ended(times=0))
    dropped: str = ""
    life: float = 0.0
    held: float = 0.0
    noted_at: float | None = None
    defined: bool | None = None
    leaving: Leaving = Leaving.NO
    ending: Ending = Ending.OPEN
    hearing: Hearing = Hearing.WHOLE
    unheard: float = 0.0
    boot: Boot = Boot.THIS
    missed: int = 0
    question: Question = Question.NONE
    as_of: int = 0
    legible: Legible = Legible.WHOLE
    read_before: float = 0.0
    alarm: str = ""
    halt: Halt = Halt.NONE
    bidding: Bidding = Bidding.NOBODY
    stories: Stories = field(default_factory=Stories)
    storages: tuple[str, ...] | None = None

    @property
    def place(self) -> Place:
        """Where it is known."""
        return self.identity.uri, self.identity.uuid

    @property
    def vanished(self) -> bool:
        """Whether its libvirt does not list it any more; once may have been while it moved."""
        return self.missed >= MISSES

    @property
    def before_reboot(self) -> bool:
        """Whether it is known only from before this host was started."""
        return self.boot is Boot.EARLIER

    @property
    def halted(self) -> str:
        """Why it stands still, though nobody paused it, or nothing."""
        return halt.WORDS[self.halt]

    @property
    def stands_still(self) -> bool:
        """Whether its guest does not run, so that it makes no request that could fail."""
        return self.halt is not Halt.NONE

    @property
    def unwatched(self) -> bool:
        """Whether events of it may have been missed since it was last seen."""
        return self.hearing is not Hearing.WHOLE

    @property
    def over(self) -> bool:
        """Whether its last life has ended unheard, since its libvirt did not list it, or is starting it."""
        return self.hearing is Hearing.OVER

    @property
    def unread(self) -> bool:
        """Whether it could not be read, or by no look that an event had not overtaken."""
        return self.legible is not Legible.WHOLE

    @property
    def untold(self) -> bool:
        """Whether its libvirt lists it, and does not tell how it stands."""
        return self.legible is Legible.NOT

    @property
    def hidden(self) -> str:
        """Why nobody can tell how it stands, or nothing."""
        if self.legible is Legible.GONE and self.phase not in (*DEAD, Phase.UNSURE):
            return _GONE
        return UNTOLD if self.untold else ""

    def likeness(self, seen: Identity) -> Likeness:
        """Whether what is seen of it now is the life that is known."""
        return life.compare(self.identity.life, seen.life, heard=not self.unwatched)

    def told(self, sign: Sign) -> "Instance":
        """With what that means for what is known of its end."""
        return replace(self, ending=ending.move(self.ending, sign))

    def heard(self, heard: Heard) -> "Instance":
        """With what that means for what may have been missed of it."""
        return replace(self, hearing=hearing.move(self.hearing, heard))

    def looked(self, look: Look, before: float) -> "Instance":
        """With what that means for what can be read of it; `before`: when its libvirt had been looked at before."""
        return replace(self, legible=legible.move(self.legible, look), read_before=before)

    def shown(self, since: Since) -> "Instance":
        """With what that means for of which boot of its host it is known."""
        return replace(self, boot=hearing.move_boot(self.boot, since))

    def asked(self, step: Step) -> "Instance":
        """With what that means for what is waited for of the disk."""
        return replace(self, question=ending.move_question(self.question, step))

    def bidden(self, word: Word) -> "Instance":
        """With what that means for who has bidden it end."""
        return replace(self, bidding=halt.move_bidding(self.bidding, word))

    def paused(self, pause: Pause) -> "Instance":
        """With what that means for why it stands still."""
        return replace(self, halt=halt.move(self.halt, pause))


@dataclass(frozen=True, slots=True)
class Aside:
    """A reading that would accuse, made after event number `after`, and not judged yet."""

    reading: Reading
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All instances by their places, and all libvirts by their URIs: how both stand, each moved by a table.

    What else stands here has no life of its own, and is kept for what it says. Of libvirts: `looked`, when each was
    last known to have been read (seconds since 1970), as on disk, with those that are configured no more; `as_of`,
    after which event its last census began; `hosts`, what it calls its host; `storages`, at which monotonic second it
    was asked on what disks are. Of the memory, as it was found at the start: `rebooted`, whether it is of another boot
    of this host; `older`, of which libvirts it is so. Of instances: `leaving`, what is on disk of those that need no
    memory from the next look on, with their URIs; `strangers`, remembered of URIs that are no longer configured, and
    not yet forgotten; `aside`, the readings that wait for the first look at another libvirt, and `waits_until`, the
    monotonic second at which that ends. `storms`: of I/O errors, by scope; `old_storms`: those of the last life;
    `weigh_at`: the monotonic second at which these are weighed again. `looks`: how masakari has this host. `in_force`:
    the rules that have changed since the start.
    """

    instances: Mapping[Place, Instance] = field(default_factory=dict)
    libvirts: Mapping[str, Libvirt] = field(default_factory=dict)
    looked: Mapping[str, float] = field(default_factory=dict)
    as_of: Mapping[str, int] = field(default_factory=dict)
    rebooted: bool = False
    older: frozenset[str] = frozenset()
    leaving: Mapping[str, str] = field(default_factory=dict)
    strangers: tuple[Instance, ...] = ()
    aside: Mapping[Place, Aside] = field(default_factory=dict)
    waits_until: float | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    storms: Mapping[str, Storm] = field(default_factory=dict)
    old_storms: OldStorms = field(default_factory=OldStorms)
    weigh_at: float | None = None
    storages: Mapping[str, float] = field(default_factory=dict)
    looks: Looks = field(default_factory=Looks)
    in_force: InForce[InstanceRules] = field(default_factory=InForce)

    @property
    def away(self) -> Mapping[str, str]:
        """The libvirts that cannot be heard, each with what was seen of that."""
        return {uri: one.reason for uri, one in self.libvirts.items() if one.sight.is_away}

    @property
    def awaited(self) -> frozenset[str]:
        """The libvirts whose first look since the start is waited for."""
        return frozenset(uri for uri, one in self.libvirts.items() if one.sight.is_awaited)

    def libvirt(self, uri: str) -> Libvirt:
        """The libvirt as it stands; one that is new was not read."""
        return self.libvirts.get(uri) or Libvirt()

    def known(self, identity: Identity) -> Instance:
        """The instance as it is known at its libvirt; one that is new is off."""
        found = self.instances.get((identity.uri, identity.uuid))
        if found is not None:
            return found
        # The uuid alone, as ever, unless the instance is known at another libvirt, too.
        key = PREFIX + identity.uuid
        if any(one.key == key for one in self.instances.values()):
            key += f"@{identity.uri}"
        # What it was before the first look, its log tells; but not whether the host ended it.
        rebooted = self.rebooted or identity.uri in self.older
        rebooted = rebooted and not self.libvirt(identity.uri).sight.is_read
        return Instance(identity=identity, key=key, boot=Boot.EARLIER if rebooted else Boot.THIS)

    def put(self, instance: Instance) -> "State":
        """With this instance as it is now."""
        return replace(self, instances={**self.instances, instance.place: instance})

    def shifted(self, uri: str, shift: Shift) -> "State":
        """With what that means for how this libvirt stands."""
        before = self.libvirt(uri)
        after = before.shifted(shift)
        return self if after == before else self.put_libvirt(uri, after)

    def put_libvirt(self, uri: str, one: Libvirt) -> "State":
        """With this libvirt as it stands now."""
        return replace(self, libvirts={**self.libvirts, uri: one})

    def drop(self, instance: Instance) -> "State":
        """Without this instance."""
        return replace(self, instances={p: one for p, one in self.instances.items() if p != instance.place})


def scopes_of(instance: Instance) -> tuple[str, ...]:
    """What an instance shares with others, as storms are named: its libvirt, and its storages if they are told."""
    return (f"instances of {instance.identity.uri}", *(instance.storages or ()))


def moment(seconds: float) -> datetime.datetime | None:
    """That second since 1970; None where it is 0, or none that any clock shows: what stands on disk may be anything."""
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC) if seconds > 0 else None
    except (OverflowError, OSError, ValueError):
        return None


def subject_of(identity: Identity) -> str:
    """As notifications and verdicts name it."""
    return f"vm:{identity.uuid}"


def keep(state: State, instance: Instance, boot_id: str, now: Instant) -> tuple[State, Decision]:
    """The instance as it is now, on disk too where it matters after a restart; what stays as it was costs no write.

    One that needs no memory any more is forgotten together with a look: it is no unseen life later. Where others may
    have lived unseen, that look is the next census, which tells of them.
    """
    before = state.instances.get(instance.place)
    state, value, uri = state.put(instance), _value(instance), instance.identity.uri
    if value == (_value(before) if before else None):
        return state, NOTHING
    if value is not None or uri not in state.looked:
        return state, Decision((Remember(instance.key, value),))
    if state.libvirt(uri).sight is not Connection.SETTLED:
        return replace(state, leaving={**state.leaving, instance.key: uri}), NOTHING
    state = replace(state, looked={**state.looked, uri: now.wall.timestamp()})
    return state, Decision((Remember(instance.key, None), memo_looks(state, boot_id)))


def memo_looks(state: State, boot_id: str) -> Remember:
    """What is written to disk about when each libvirt was looked at."""
    return memo_host(boot_id, state.looked, state.older - noted(state))


def noted(state: State) -> frozenset[str]:
    """The libvirts of which a look since the start is on disk."""
    return frozenset(uri for uri, one in state.libvirts.items() if one.sight.is_noted)


def _value(instance: Instance) -> dict[str, JSON] | None:
    """What is written to disk about an instance; one that is down needs no memory."""
    if instance.phase is Phase.DOWN:
        return None
    identity = instance.identity
    value: dict[str, JSON] = {"name": identity.name, "uri": identity.uri, "condition": instance.phase.value}
    if instance.phase in DEAD:
        value["reported"] = instance.reported
        if instance.fate not in (Fate.NONE, Fate.PENDING):
            value["fate"] = instance.fate.value
        if instance.fate is Fate.DROPPED and instance.dropped:
            value["dropped"] = instance.dropped
        if instance.made:
            value["made"] = instance.made
    if instance.phase is Phase.UNSURE and instance.before_reboot and instance.reported > instance.since:
        value["reported"] = instance.reported
    if instance.since and instance.phase in (Phase.UP, Phase.ARRIVING, Phase.UNSURE):
        value["since"] = instance.since
    if instance.held and (instance.phase is Phase.UNSURE or instance.phase in DEAD):
        value["held"] = instance.held
    if identity.run:
        value["run"] = identity.run
    if identity.born:
        value["born"] = identity.born
    if instance.defined is False:
        value["defined"] = False
    if instance.leaving is not Leaving.NO:
        value["leaving"] = True
    if instance.leaving is Leaving.MAYBE:
        value["leaving_untold"] = True
    if instance.stands_still and instance.phase is Phase.UP:
        value["paused"] = True
    if instance.ending.has_ended:
        value["ended"] = True
    if instance.before_reboot:
        value["before_reboot"] = True
    if instance.stories.failing_since:
        value["io_error"] = instance.stories.failing_since
        value["io_error_told"] = [*sorted(str(word) for word in instance.stories.failures)]
    if instance.stories.due:
        value["io_error_due"] = True
        if instance.storages:
            value["storages"] = list(instance.storages)
    if instance.stories.fate is not Fate.NONE:
        value["io_error_fate"] = instance.stories.fate.value
        value["io_error_made"] = instance.stories.made
    return value


def memo(instance: Instance) -> Remember:
    """What is written to disk about an instance."""
    return Remember(instance.key, _value(instance))


def memo_host(boot_id: str, looked: Mapping[str, float], older: Iterable[str] = ()) -> Remember:
    """Which boot of this host the memory is of, when each libvirt was looked at, and which in an `older` boot last."""
    value: dict[str, JSON] = {"boot_id": boot_id}
    if looked:
        value["looked"] = dict(looked)
    if names := sorted(older):
        value["older"] = list(names)
    return Remember(HOST, value)
