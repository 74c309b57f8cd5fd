"""The prover: the proof of death by BMC, as a host driver uses it.

In: where BMCs are (the power_config_file, and what a driver learns from its cluster engine), and
`CheckPower` about one host. Out: one `PowerSeen`, always, whatever went wrong; NO_PROOF is an answer.
"""

import asyncio
import functools
import logging
import math
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from masakarimonitors.conf import ConfigFault
from masakarimonitors.hostmonitor.core.ledger import WrongBmcs
from masakarimonitors.hostmonitor.core.observation import CheckPower, Power, PowerSeen
from masakarimonitors.hostmonitor.power import config_file, ownership
from masakarimonitors.hostmonitor.power.bmc import (
    Address,
    FromScript,
    Lack,
    SecretFault,
    Speaks,
    fault_of,
    read_private,
)
from masakarimonitors.hostmonitor.power.check import (
    LOOKS_APART,
    Look,
    PowerCheck,
    Proof,
    of_a_host_that_is_up,
)
from masakarimonitors.hostmonitor.power.ipmi import Ipmi
from masakarimonitors.hostmonitor.power.names import Names
from masakarimonitors.hostmonitor.power.ownership import beside, contradicts, merged, shared
from masakarimonitors.hostmonitor.power.redfish import Redfish
from masakarimonitors.monitor import InputFile
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.files.operators_file import Unreadable, in_time, read_aside
from masakarimonitors.system.files.yaml_file import YamlFileFault
from masakarimonitors.system.processes import spawning

LOG = logging.getLogger(__name__)

_WITNESSES = 5
"""BMCs of other hosts that are asked before silence is taken for off."""

_AHEAD_AT_ONCE = 16
"""Hosts that are looked at ahead; whoever asks for proof must not stand in line behind them."""
_AHEAD_KEPT = 60.0
"""Seconds after which a look that nobody has asked for is forgotten."""

_ON_FOR = 86400.0
"""Seconds for which a BMC that was wrong must have said only "on": another host's says so again as soon as that one has
been repaired and switched on."""
_ON_COUNTS = 3600.0
"""Seconds since the look before for which one "on" counts at most: of a longer time nobody knows what it said."""

_PROVES_NOTHING = "A BMC that could prove nothing if its host failed now: %s"


class PowerOptions(Protocol):
    """What a driver's `build` hands over of `[host]`."""

    ipmi_timeout: float
    ipmi_cipher_suite: str
    power_config_file: str | None
    power_unreachable_means_off: bool
    power_second_look: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPolicy:
    """`[host]` as far as BMCs are concerned; `timeout` for asking once and `apart` between two looks in seconds."""

    timeout: float = 5.0
    cipher_suite: str = ""
    config_file: Path | None = None
    unreachable_means_off: bool = False
    apart: float = LOOKS_APART

    @classmethod
    def of(cls, options: PowerOptions) -> "PowerPolicy":
        """As the options say."""
        return cls(
            timeout=float(options.ipmi_timeout),
            cipher_suite=options.ipmi_cipher_suite,
            config_file=Path(options.power_config_file) if options.power_config_file else None,
            unreachable_means_off=options.power_unreachable_means_off,
            apart=float(options.power_second_look),
        )


class PowerConfigFault(ConfigFault):
    """The power_config_file cannot be used; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class _On:
    """A BMC that was wrong and has said nothing but "on" since: for so many seconds, up to monotonic second `at`.

    Infinite: before this monitor, or this term of it, has looked; what has passed since then nobody has seen.
    """

    seconds: float
    at: float = math.inf


@dataclass(frozen=True, slots=True)
class _Ahead:
    """One first look; kept until monotonic second `until`."""

    addresses: tuple[Address, ...]
    look: asyncio.Task[Look]
    until: float


class Prover:
    """Knows the BMCs of all hosts and asks them.

    Host names are compared as Pacemaker compares them, without regard to case. What the power_config_file says of a
    host replaces what the cluster engine says, so that the file can correct it. A BMC that is named for two hosts is
    asked for neither: which of them it controls cannot be told.
    """

    def __init__(self, policy: PowerPolicy, clock: Clock) -> None:
        """Read the power_config_file, if there is one; raises PowerConfigFault."""
        self._clock = clock
        self._file = policy.config_file
        self._listed = _listed_in_time(policy.config_file)
        self._learned: Mapping[str, tuple[Address, ...]] = {}
        self._names = Names(policy.timeout)
        self._check = PowerCheck(
            {
                Speaks.IPMI: Ipmi(policy.timeout, policy.cipher_suite, names=self._names),
                Speaks.REDFISH: Redfish(policy.timeout, names=self._names),
            },
            clock,
            unreachable_means_off=policy.unreachable_means_off,
            apart=policy.apart,
        )
        self._known = merged(self._listed, {})
        self._doubtful = shared(self._known)
        _get_ready(self._known)
        self._said: frozenset[str] = frozenset()
        self._said_of_secrets: frozenset[str] = frozenset()
        self._looking: asyncio.Task[None] | None = None
        # By host: those BMCs (`identity`) that have said off while it was up, and what each has said when it was last
        # looked at.
        self._wrong: dict[str, frozenset[str]] = {}
        self._looked_at: dict[str, Mapping[str, Power]] = {}
        # By host: those of the wrong that say on now.
        self._on: dict[str, Mapping[str, _On]] = {}
        # By host: those that another monitor has found wrong, which reports now.
        self._told_wrong: Mapping[str, frozenset[str]] = {}
        # First looks, made before anybody asks for proof: by host.
        self._ahead: dict[str, _Ahead] = {}
        self._warn()

    def learn(self, addresses: Mapping[str, Sequence[Address]]) -> None:
        """Take over where a driver has found BMCs, by host; the newest word replaces the one before."""
        self._learned = merged({}, addresses)
        self._take_over()

    def files(self) -> Sequence[InputFile]:
        """The power_config_file, as what is read again while this runs."""
        if self._file is None:
            return ()
        read = functools.partial(_listed, self._file)
        return (InputFile(path=str(self._file), read=read, in_force=self._listed, apply=self._relist),)

    def _relist(self, listed: Mapping[str, Address]) -> None:
        """What the power_config_file says now."""
        self._listed = listed
        self._take_over()

    def _take_over(self) -> None:
        known = merged(self._listed, self._learned)
        if known != self._known:
            self._known, self._doubtful = known, shared(known)
            _get_ready(known)
            self._warn()

    def addresses(self, host: str) -> tuple[Address, ...]:
        """Every BMC known for `host`: the file's, or else the learned ones; none that another host has, too."""
        return () if host.lower() in self._doubtful else self._known.get(host.lower(), ())

    def hosts(self) -> Sequence[str]:
        """Every host of which a BMC is known, as the lower-case name by which it is compared."""
        return sorted(self._known)

    def places(self, host: str) -> Hashable:
        """All that names BMCs of `host` now, and who else names one: equal for as long as nobody changes that."""
        name = host.lower()
        return (self._known.get(name, ()), self._learned.get(name, ()), self._doubtful.get(name, ""))

    def note(self, host: str, said: Power) -> Mapping[str, float]:
        """What is held of the BMCs of `host`, which was up when they were last looked at: OFF, ON or NO_PROOF together.

        Each counts by itself. One that said off, where that is what is held, is asked for no proof of its host's death
        until it has said only on for a day: that it is on once shows no more than that its host, whichever that is, was
        switched on again. One that nobody names any more is forgotten once all that are named have said on.

        Returned is which are known to be wrong now, each with the seconds for which it has said only on, for `recall`
        after a restart.
        """
        name = host.lower()
        each = self._looked_at.pop(name, None)
        if each is None:
            each = dict.fromkeys(_identities(self.addresses(host)), said)
        wrong = self._wrong.get(name, frozenset())
        wrong -= self._settled(name, wrong, each)
        match said:
            case Power.OFF:
                wrong |= {one for one, power in each.items() if power is Power.OFF}
            case Power.ON:
                wrong = _same(wrong, each.keys())
            case Power.NO_PROOF:
                pass
        self._wrong[name] = wrong
        return self._progress(name)

    def wrong(self) -> WrongBmcs:
        """All that `note` would return, by host."""
        return {name: self._progress(name) for name, wrong in sorted(self._wrong.items()) if wrong}

    def _progress(self, name: str) -> Mapping[str, float]:
        on = self._on.get(name, {})
        return {one: on[one].seconds if one in on else 0.0 for one in sorted(self._wrong[name])}

    def _settled(self, name: str, wrong: frozenset[str], each: Mapping[str, Power]) -> frozenset[str]:
        """Those of the wrong that have said only on for long enough."""
        now, before = self._clock.now().monotonic, self._on.get(name, {})
        on = _same(wrong, {one for one, power in each.items() if power is Power.ON})
        off = _same(wrong, {one for one, power in each.items() if power is Power.OFF})
        after = {one: counted for one, counted in before.items() if one in wrong - off}
        for one in on - off:
            counted = before.get(one, _On(0.0))
            after[one] = _On(counted.seconds + max(0.0, min(now - counted.at, _ON_COUNTS)), now)
        settled = frozenset(one for one, counted in after.items() if counted.seconds >= _ON_FOR)
        self._on[name] = {one: counted for one, counted in after.items() if one not in settled}
        return settled

    def recall(self, wrong: WrongBmcs) -> None:
        """What `note` has returned last of each host before a restart."""
        self._adopt(wrong)
        for host, ones in sorted(wrong.items()):
            LOG.warning(
                "The BMC %s said off while %s was up, before this monitor was restarted: it proves nothing of "
                "that host until it has said only on for a day while the host is up (%.0f h of it have passed), or "
                "until another takes its place",
                " and ".join(ones),
                host,
                min(ones.values()) // 3600,
            )

    def hear(self, wrong: WrongBmcs, leads: bool) -> None:
        """What the ledger says of BMCs, which is what the monitor that reports, or did before, has found out.

        `leads`: this one has become the reporter, and goes on from there: nobody else looks at them now. Otherwise it
        is heeded for as long as it stands in the ledger. What this one has found out itself is forgotten by neither.
        """
        found = {host.lower(): frozenset(ones) for host, ones in wrong.items()}
        news = {
            f"{' and '.join(sorted(ones))} of {host}"
            for host, ones in found.items()
            if ones - self._known_wrong(host)
        }
        for words in sorted(news):
            LOG.warning(
                "Another monitor has seen the BMC %s say off while that host was up: it proves nothing until it has "
                "said only on for a day",
                words,
            )
        self._told_wrong = {} if leads else found
        if leads:
            self._adopt(wrong)

    def _adopt(self, wrong: WrongBmcs) -> None:
        for host, ones in wrong.items():
            name = host.lower()
            self._wrong[name] = self._wrong.get(name, frozenset()).union(ones)
            on = {one: _On(seconds) for one, seconds in ones.items() if seconds > 0}
            known = {one: counted for one, counted in self._on.get(name, {}).items() if one not in ones}
            self._on[name] = known | on

    def _known_wrong(self, host: str) -> frozenset[str]:
        """Those of a host that prove nothing: this monitor has found that out, or the one that reports."""
        name = host.lower()
        return self._wrong.get(name, frozenset()) | self._told_wrong.get(name, frozenset())

    def doubts_fencing(self, host: str, by_devices: Mapping[str, Sequence[Address]]) -> str:
        """Why it proves nothing that `host` was fenced by one of its devices, of which these are the BMCs by host.

        Empty where nothing is known against it. A BMC of another host has switched that one off. Whose a BMC is, is
        said by the power_config_file, or else by the devices; but Pacemaker goes through its devices whatever the file
        says.
        """
        name, devices = host.lower(), merged({}, by_devices)
        own = devices.get(name, ())
        if not own:
            return ""
        wrong = self._known_wrong(host)
        bad = ", ".join(address.device for address in own if _same(wrong, {ownership.identity(address)}))
        if bad:
            return (
                f"the BMC of its fencing device ({bad}) said off while {host} was up, so another host may have "
                "been switched off in its place"
            )
        owners = merged(self._listed, by_devices)
        in_common = shared({**owners, name: (*own, *owners[name])}).get(name, "")
        listed = {one.lower(): address for one, address in self._listed.items()}.get(name)
        if in_common or listed is None:
            return in_common
        for address in own:
            if contradicts(address, listed):
                return (
                    f"its fencing device ({address.device}) goes through {ownership.identity(address)}, and the "
                    f"power_config_file says that the BMC of {host} is {ownership.identity(listed)}, so another host "
                    "may have been switched off in its place: correct the one that is wrong"
                )
        return ""

    def complaints(self) -> Sequence[str]:
        """What is known to be wrong before anybody is asked: BMCs of two hosts, passwords that cannot be read."""
        return sorted({*self._doubtful.values(), *_all_unreadable(self._known)})

    def expect(self, host: str) -> None:
        """`host` begins to be lost: look at its BMCs now, for the first time of two, without waiting for a question.

        Where very many begin to be lost at once, only the first few are looked at ahead.
        """
        now = self._clock.now().monotonic
        self._ahead = {name: one for name, one in self._ahead.items() if now < one.until}
        addresses = self._trusted(host)
        if addresses and host.lower() not in self._ahead and len(self._ahead) < _AHEAD_AT_ONCE:
            look = asyncio.get_running_loop().create_task(self._check.look(addresses))
            self._ahead[host.lower()] = _Ahead(addresses, look, now + _AHEAD_KEPT)

    async def prove(self, request: CheckPower) -> PowerSeen:
        """Ask; exactly one answer, NO_PROOF on any error."""
        host, addresses = request.host, self._trusted(request.host)
        proof = (
            self._refused(host)
            or self._doubted(host)
            or await self._check.check(
                host, addresses, self._witnesses(host), await self._looked(host, addresses)
            )
        )
        if proof.power is Power.OFF and self._trusted(host) != addresses:
            proof = Proof(
                power=Power.NO_PROOF,
                evidence=f"{proof.evidence}; but its BMCs were named otherwise meanwhile",
                at=proof.at,
                lack=Lack.FAULT,
            )
        return PowerSeen(
            host=request.host,
            power=proof.power,
            evidence=proof.evidence,
            at=proof.at,
            in_reply_to=request,
            kind=proof.kind,
        )

    async def look(self, host: str) -> Proof | None:
        """One look at the BMCs of a host that is up; None where none is known.

        Those of its fencing devices are looked at even where the power_config_file names others: no proof is asked of
        them, but its cluster may fence it through them.
        """
        name, refused = host.lower(), self._refused(host)
        if refused is not None:
            self._looked_at[name] = {}
            return refused
        own = self.addresses(host)
        if not own:
            self._looked_at[name] = {}
            return None
        others = [
            address
            for address in self._learned.get(name, ())
            if not _same(_identities(own), {ownership.identity(address)})
        ]
        looked_at = [ownership.identity(address) for address in (*own, *others)]
        wrong = self._known_wrong(host)
        known = {at for at, one in enumerate(looked_at) if _same(wrong, {one})}
        look = await self._check.look((*own, *others))
        powers = [reading.power for reading in look.readings]
        self._looked_at[name] = dict(zip(looked_at, powers, strict=True))
        off = {at for at, power in enumerate(powers) if power is Power.OFF}
        return replace(
            of_a_host_that_is_up(look, known | set(range(len(own)))), known=bool(off) and off <= known
        )

    def close(self) -> None:
        """Ask no more."""
        for one in self._ahead.values():
            one.look.cancel()
        if self._looking is not None:
            self._looking.cancel()
        self._names.end()

    async def _looked(self, host: str, addresses: tuple[Address, ...]) -> Look | None:
        """What was seen ahead, if it was these that were looked at."""
        ahead = self._ahead.pop(host.lower(), None)
        return await ahead.look if ahead is not None and ahead.addresses == addresses else None

    def _witnesses(self, host: str) -> Sequence[Address]:
        """A few BMCs of other hosts, from all over the list: neighbours in it may be neighbours in a rack."""
        others = [
            places[0] for name, places in sorted(self._known.items()) if places and name != host.lower()
        ]
        step = max(1, len(others) // _WITNESSES)
        return others[::step][:_WITNESSES]

    def _refused(self, host: str) -> Proof | None:
        words = self._doubtful.get(host.lower())
        if words is None:
            return None
        return Proof(power=Power.NO_PROOF, evidence=words, at=self._clock.now(), lack=Lack.FAULT)

    def _trusted(self, host: str) -> tuple[Address, ...]:
        """Those that may prove it off: none that has said off while it was up."""
        wrong = self._known_wrong(host)
        return tuple(one for one in self.addresses(host) if not _same(wrong, {ownership.identity(one)}))

    def _doubted(self, host: str) -> Proof | None:
        addresses = self.addresses(host)
        if not addresses or self._trusted(host):
            return None
        devices = ", ".join(address.device for address in addresses)
        words = (
            f"its BMC ({devices}) said off while {host} was up: it belongs to another host and proves nothing until it "
            "has said only on for a day while this one is up; correct the power_config_file or the fencing device"
        )
        return Proof(power=Power.NO_PROOF, evidence=words, at=self._clock.now(), lack=Lack.FAULT)

    def _warn(self) -> None:
        """Log each complaint when it is new; those of passwords when they have been looked at."""
        found = frozenset(self._doubtful.values())
        for words in sorted(found - self._said):
            LOG.warning(_PROVES_NOTHING, words)
        remarks = frozenset(beside(self._known))
        for words in sorted(remarks - self._said):
            LOG.warning("BMCs that may be one: %s", words)
        self._said = found | remarks
        self._look_at_secrets()

    def _look_at_secrets(self) -> None:
        # Whatever lies on a disk may hang there, and whoever learns of BMCs must not hang with it.
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._tell_of_secrets(_all_unreadable(self._known))
            return
        if self._looking is not None:
            self._looking.cancel()
        self._looking = loop.create_task(self._look_aside(self._known))

    async def _look_aside(self, known: Mapping[str, Sequence[Address]]) -> None:
        try:
            found = await read_aside("passwords of BMCs", lambda: _all_unreadable(known))
        except Unreadable as fault:
            found = frozenset({f"a password file {fault}"})
        self._tell_of_secrets(found)

    def _tell_of_secrets(self, found: frozenset[str]) -> None:
        for words in sorted(found - self._said_of_secrets):
            LOG.warning(_PROVES_NOTHING, words)
        self._said_of_secrets = found


def _all_unreadable(known: Mapping[str, Sequence[Address]]) -> frozenset[str]:
    return frozenset(fault for each in known.values() for fault in _unreadable(each))


def _identities(addresses: Sequence[Address]) -> frozenset[str]:
    return frozenset(map(ownership.identity, addresses))


def _same(ones: frozenset[str], others: Set[str]) -> frozenset[str]:
    """Those of `ones` that may be one of the others."""
    return frozenset(one for one in ones if any(ownership.is_same(one, other) for other in others))


def _unreadable(addresses: Sequence[Address]) -> Sequence[str]:
    """What is wrong with the passwords of these BMCs, as far as it can be known before they are needed."""
    found = ((address, fault_of(address.secret)) for address in addresses)
    return [f"{address.device}: {fault}" for address, fault in found if fault]


def _get_ready(known: Mapping[str, Sequence[Address]]) -> None:
    """Load what starts programs, where BMCs need any: they may first be asked when a host, and a disk, has failed."""
    every = (address for addresses in known.values() for address in addresses)
    if any(one.speaks is Speaks.IPMI or isinstance(one.secret, FromScript) for one in every):
        spawning.get_ready()


def _listed_in_time(path: Path | None) -> Mapping[str, Address]:
    try:
        return {} if path is None else in_time(path, lambda: _listed(path))
    except Unreadable as fault:
        raise PowerConfigFault(f"[host] power_config_file = {path} {fault}") from fault


def _listed(path: Path | None) -> Mapping[str, Address]:
    if path is None:
        return {}
    try:
        addresses = config_file.parse(read_private(path), str(path))
        # Looked at now: a file that will be refused must not be found out in the middle of a failure.
        faults = _unreadable(list(addresses.values()))
        if faults:
            raise SecretFault("\n".join(faults))
    except (YamlFileFault, SecretFault) as fault:
        raise PowerConfigFault(
            f"[host] power_config_file cannot be used, so no host's death could be proven by it:\n{fault}"
        ) from fault
    return addresses
