"""What a host driver is, how it is found by its name, and how its leader election speaks to the core.

A driver is one folder that knows one cluster engine, plus one entry-point line. The entry point
(`hostmonitor.driver` group) names a function `build(conf, own, clock) -> Driver` in the folder's
`driver.py`. That function is the only one there that reads the configuration (its own section);
everything below it takes typed, frozen policies. A driver decides nothing: it emits the
observations of `core/observation.py` and answers the commands that it is asked.
"""

import importlib
import importlib.metadata
import inspect
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from oslo_config.cfg import ConfigOpts

from masakarimonitors.conf import ConfigFault
from masakarimonitors.core.finding import (
    Finding as Finding,
)  # what `check_engine` of a driver's module returns
from masakarimonitors.core.finding import Weight as Weight
from masakarimonitors.hostmonitor.core.evidence.matrix import Matrix
from masakarimonitors.hostmonitor.core.ledger import WrongBmcs
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection, Observation, Power
from masakarimonitors.hostmonitor.power.check import Proof
from masakarimonitors.hostmonitor.sources.peers import PeerStore
from masakarimonitors.monitor import Effects, InputFile, Source
from masakarimonitors.silencing.desk import NotShared as NotShared  # what `share_silences` raises
from masakarimonitors.silencing.desk import Share
from masakarimonitors.system.clock import Clock

GROUP = "hostmonitor.driver"
"""The entry-point group in which drivers are found by name."""

_DRIVERS = "masakarimonitors.hostmonitor.drivers"
BUILT_IN = {
    "simple": f"{_DRIVERS}.pacemaker.driver:build",
    "default": f"{_DRIVERS}.pacemaker.driver:build",
    "consul": f"{_DRIVERS}.consul.driver:build",
    "kubernetes": f"{_DRIVERS}.kubernetes.driver:build",
}
"""This project's own drivers; they are found without installed metadata too."""


HearWrong = Callable[[WrongBmcs, bool], None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a living host would answer on TCP: `address` (IP or name), `port`, and what listens there, shortly."""

    address: str
    port: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One cluster engine, wired: who looks, who acts, and by which rules its words are judged."""

    name: str
    matrix: Matrix
    """The links by name, in order, and which vectors mean recovery. One link: `matrix.single(name)`."""
    sources: Sequence[Source[Observation]]
    own_names: frozenset[str] = frozenset()
    """What it may call this host besides the name that it was built with, in lower case: whom the core never judges."""
    known_as: Callable[[], str] = lambda: ""
    """What its election calls this host, where that may be another name; empty while it is not known."""
    effects: Effects[Observation] | None = None
    """Answers `CheckPower` (when `needs_proof`) and `WriteLedger` (when `elected`)."""
    needs_proof: bool = False
    """True: host_status NORMAL only after `PowerSeen(OFF)`. False: a failure is NORMAL at once."""
    elected: bool = False
    """True: a source emits `Leader`, `Follower` or `NoElection`; until it does, reports are held. False: all report."""
    closers: Sequence[Callable[[], Awaitable[None]]] = ()
    endpoints: Callable[[str], Sequence[Endpoint]] = lambda host: ()
    """What the driver knows of a host's addresses at present, for signs of life; () when nothing is known."""
    look_at_power: Callable[[str], Awaitable[Proof | None]] | None = None
    """One look at the BMCs of a host that is up (`Prover.look`), for the rounds; None of a host without a BMC."""
    note_power: Callable[[str, Power], Mapping[str, float]] = lambda host, said: {}
    """Told what the rounds have found (`Prover.note`): what the BMCs of a host have said while it was up."""
    files: Sequence[InputFile] = ()
    """The operator's files that it was made from; read again on SIGHUP."""
    troubles: Callable[[], Sequence[str]] = lambda: ()
    """What hinders its sources at this moment though they see; the status shows each sentence as an alarm."""
    on_path: Callable[[bool], None] = lambda works: None
    """Told whether this monitor's own way to masakari works, whenever that changes: part of its claim to report."""
    recall_power: Callable[[WrongBmcs], None] = lambda wrong: None
    """Told before a source runs what `note_power` returned last, by host, in the life before (`Prover.recall`)."""
    wrong_power: Callable[[], WrongBmcs] = lambda: {}
    """All that `note_power` would return now, by host (`Prover.wrong`): what the next reporter must know."""
    hear_power: HearWrong = lambda wrong, leads: None
    """Told what the ledger says of BMCs, and whether this monitor has become the reporter (`Prover.hear`)."""
    power_places: Callable[[str], Hashable] = lambda host: None
    """What names the BMCs of a host now (`Prover.places`): when it is another one, they are looked at again soon."""
    share_silences: Share | None = None
    """Has these stand where every host's monitor reads them, beside what stands there; raises NotShared. The driver
    emits `SilencesSeen` with all that stands there: at its first reading, at each change of that, and when this monitor
    has become the reporter. None: nothing is shared."""
    peers: PeerStore | None = None
    """Where the monitors of all hosts tell how they are; None: each is alone."""
    power_hosts: Callable[[], Awaitable[Sequence[str]]] | None = None
    """The hosts of which `look_at_power` knows a BMC, found out anew; None where no BMC is asked. For checks alone."""


class Build(Protocol):
    """The function that a driver's entry point names."""

    def __call__(self, conf: ConfigOpts, own: str, clock: Clock) -> Driver:
        """Read the driver's section of `conf`; `own` is this host's name, as masakari knows it.

        Raises `masakarimonitors.conf.ConfigFault` for what an operator can fix.
        """


Word = Leader | Follower | NoElection
"""What an election tells the core."""

_AGAIN = 5.0
"""So often (seconds) `NoElection` is said again while it lasts: the core counts on hearing it."""
_ALIKE = 0.001
"""Two ends of an authority that are no farther apart (seconds) are one: they are sums of floating numbers."""
_ANOTHER = 1.0
"""So soon at the earliest for another reason: the words of some faults differ each time."""


class LeadershipFeed:
    """What a driver's leader election tells the core: the words that are news, and no others.

    News is who leads and whether it delivers, a follower's ledger, a leader's authority that lasts longer (or ends
    sooner) than was said, and that there is no election, every few seconds. `said` is the last word emitted, None
    before the first.
    """

    def __init__(self) -> None:
        """Mute until `begin`."""
        self._emit: Callable[[Observation], None] = lambda observation: None
        self.said: Word | None = None

    def begin(self, emit: Callable[[Observation], None]) -> None:
        """Speak to `emit`, as if nothing had been said: at each start of the source."""
        self._emit = emit
        self.said = None

    def say(self, word: Word) -> None:
        """Emit it, unless it repeats the last word."""
        if _is_news(self.said, word):
            self.said = word
            self._emit(word)


def _is_news(said: Word | None, word: Word) -> bool:
    match said, word:
        case Leader(), Leader():
            return abs(said.at.monotonic + said.good_for - word.at.monotonic - word.good_for) > _ALIKE
        case Follower(), Follower():
            return (said.leader, said.ledger, said.delivers) != (word.leader, word.ledger, word.delivers)
        case NoElection(), NoElection():
            passed = word.at.monotonic - said.at.monotonic
            return said.since != word.since or passed >= (_AGAIN if said.why == word.why else _ANOTHER)
        case _:
            return True


def load(name: str) -> Any:
    """The driver's `build` function, or a third-party driver's class; raises ConfigFault."""
    found = {point.name: point.value for point in importlib.metadata.entry_points(group=GROUP)} | BUILT_IN
    value = found.get(name)
    if value is None:
        raise ConfigFault(
            f"[host] monitoring_driver = {name}: there is no such driver. Installed are "
            f"{', '.join(sorted(found))}; another one must be an entry point of the group {GROUP}."
        )
    module, _, attribute = value.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if name in BUILT_IN and error.name is not None and module.startswith(error.name):
            raise ConfigFault(
                f"[host] monitoring_driver = {name}: this driver is not part of this release."
            ) from error
        raise ConfigFault(
            f"[host] monitoring_driver = {name}: it needs the Python package {error.name}, which is not "
            "installed."
        ) from error
    except Exception as error:
        raise ConfigFault(
            f"[host] monitoring_driver = {name}: {value} cannot be loaded ({type(error).__name__}: {error})."
        ) from error


def is_foreign(driver: Any) -> bool:
    """Whether this is a third-party driver's class, rather than a `build` function."""
    return inspect.isclass(driver) and hasattr(driver, "monitor_hosts")
