"""The sentences of the host monitor: what an operator reads beside each verdict.

Facts in, one sentence out; a constant or a function bears the name of what it says. One place for the
wording, so that the rules stay readable and the words consistent. Nothing is decided by a sentence.
"""

from collections.abc import Sequence

from masakarimonitors.core.notification import HOSTNAME, HostStatus
from masakarimonitors.core.storm import EVERYWHERE, GuardPolicy, Storm
from masakarimonitors.hostmonitor.core.election.reporter import Reporter, Standing
from masakarimonitors.hostmonitor.core.evidence.matrix import Matrix
from masakarimonitors.hostmonitor.core.evidence.proof import Evidence
from masakarimonitors.hostmonitor.core.observation import Life, LifeSeen, Membership, Work
from masakarimonitors.hostmonitor.core.outages.host import HostState

RECOVERED = "it is back on every link"
PROVEN_BY_NOW = "it said UNKNOWN; the failure is proven by now and told as NORMAL instead"
OUTLIVED = "masakari would give it up as too old: told anew, if the host is seen to fail still"
HANDED_OVER = "this monitor is no longer the reporter: whoever reports now sends what is still open"
TAKEN_OVER = "another monitor has reported it meanwhile"
CLOSED_BY_OTHER = "the outage that it was made for is over, as another monitor has seen"
DOUBTFUL = "its failure is no longer seen and was not delivered: sent again if it is seen once more"
UNPROVEN_NOW = (
    "that it is off does not stand any more (its proof is too old, or it answers): sent again if it does"
)
HELD_AGAIN = "it is held again and was not delivered: sent again when nothing holds it any more"
OWN_BACK = "this host was reported by another monitor; its own is the reporter now and sees every link"
RECOVERED_EARLY = "it came back before it was reported; nothing was sent"
NOT_LOST = "it was not lost: that is taken back, and nothing was sent"
NOT_LOST_AFTER_ALL = (
    "it was not lost, it has left: that is taken back, and so is what masakari had not taken of it"
)
LOOKUP = "held: it was never seen in service here, and masakari has not yet said whether it is registered"
NEVER_UP = "not reported: it was never seen in service here and is in no failover segment of masakari"
VANISHED = "it is listed nowhere any more and nobody saw it leave: it can no longer be judged"
MAINTENANCE = "it is on maintenance in masakari: high availability is off for it"
MAINTENANCE_OVER = "its maintenance in masakari has ended"
HELD_BY_MAINTENANCE = (
    "held: it has failed, and it is on maintenance in masakari, which would refuse the report: nobody recovers its "
    "instances. If it is really lost, end its maintenance there, or evacuate it by hand"
)
SILENCED_NOW = (
    "somebody has silenced it, and it was not delivered: sent again when that is over and it fails still"
)
BACK_IN_SERVICE = (
    "it was put back into service in masakari: its outage is closed, though not all links are up"
)
BACK_IN_TIME = "it has asked for no recovery for {}: its outage is closed, though not all links are up"
FAILS_AGAIN = "it fails again while its outage is still open: not reported a second time"
STILL_DOWN = "it is still down; its failure was reported before"
REPORTED_BY_OTHER = "it is down, and masakari has its failure from another monitor"
EARLIER_UNREAD = (
    "held: it is down, and masakari took a report of it before this monitor began to watch it. Whether it was put back "
    "since and has failed again is not known: masakari's segments cannot be read"
)
EARLIER_UNLISTED = (
    "held: it is down, and masakari took a report of it before this monitor began to watch it. Whether its engine has "
    "yet to begin with that is not known: masakari's notifications cannot be read"
)
EARLIER_NO_LOOKUP = (
    "held: it is down, and masakari took a report of it before this monitor began to watch it. Whether it was put back "
    "since and has failed again is not known: [host] segment_lookup is off"
)
UNFINISHED = (
    "held: it is down, and masakari has a report of it, perhaps of an earlier failure, with which its engine has not "
    "finished: look whether masakari-engine runs. If nobody works on it, evacuate the host by hand"
)
PUT_BACK_SINCE = (
    "masakari has it in service again since it was reported: it was put back, so this is another failure"
)
PARTLY_BACK = "it comes back, but not on every link: the outage stays open"
LEFT = "it left by itself: planned, no failure"
LEFT_IN_SERVICE = (
    "it left by itself: planned, so it is not reported, and nobody recovers its instances; "
    "masakari has it in service: is that meant?"
)
ALL_SEEN = "every host of masakari's failover segments is listed on some link"
FORGOTTEN = "it is listed nowhere and is in no failover segment of masakari: forgotten"
FORGOTTEN_UNTOLD = (
    "masakari has taken no report to recover it, and has it in no failover segment for a day, and it is listed "
    "nowhere: forgotten. Where that was not meant, add it to a segment again and see to its instances by hand"
)
NOBODY = "held: it has failed and nobody reports it: there is no reporter, and none can be elected at present"
NO_WORD = "one monitor is to be elected to report, and no word of an election has come: every report is held"
STAGGER = "held: every monitor reports at present, one after another, and it is not this one's turn yet"
LIFE = "held: nothing can prove that it is off, so its addresses are tried first"
ASKING = "held: masakari is asked whether it has this failure from another monitor"
STORM_UNPROVEN = (
    "held: it failed together with many others, and nothing can prove that it is off. Time alone does not release it: "
    "put it on maintenance in masakari and take it off again, or evacuate it by hand, once you know that it is dead"
)
RECOVERS_NOTHING = (
    "its failover segment is disabled: masakari accepts the report and recovers nothing. Enable the segment and "
    "evacuate the host by hand"
)
IN_SERVICE = "masakari has it in service"
NOTHING_HANGS_ON_IT = "what was said of it last is over: nothing hangs any more on the links that were named"
OWED_ELSEWHERE = "whether it must be put back into service is told by whoever reports now"
NOT_THERE = "masakari has no report of it: nothing has taken it out of service"
GIVEN_UP = "masakari has not taken it out of service, and recovers nothing of it any more for that report"
EARLY = (
    "it is back {after} after masakari took its report. masakari waits {wait} before it evacuates, and nova evacuates "
    "no host that is up: its instances may be off and recovered by nobody. Look at them: "
    "openstack server list --all-projects --host {host}"
)


def quoted(name: str) -> str:
    """A name as a shell takes it: masakari allows any character in a segment's."""
    return name if name.isidentifier() else "'" + name.replace("'", "'\\''") + "'"


def join(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def seconds(amount: float) -> str:
    """A duration as people say it."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if amount >= 2 * size:
            return f"{amount / size:g} {unit}"
    return f"{amount:g} s"


def evidence(sequence: Sequence[str], host: HostState) -> str:
    """What was last heard on each link, and of its power."""
    parts = [
        f"{name} {link.value.value}" + (f" ({link.heard.evidence})" if link.heard.evidence else "")
        for name, link in zip(sequence, host.links, strict=True)
    ]
    parts += [f"power {proof.power.value} ({proof.kind.value}: {proof.evidence})" for proof in host.proofs]
    return "; ".join(parts)


def blind(link: str, why: str, others: Sequence[str]) -> str:
    """This monitor cannot see `link`; `others` it still sees."""
    rest = f"{join(others)} still count" if others else "it sees nothing at all now"
    return f"this monitor cannot see {link} ({why}): no host is accused by it; {rest}"


def reporter(current: Reporter) -> str:
    """Who reports from now on."""
    match current.standing:
        case Standing.LEADER:
            return f"this monitor reports from now on: {current.why}"
        case Standing.ALL:
            return f"every monitor reports for itself: {current.why}"
        case Standing.NO_ELECTION:
            return f"nobody reports at present: {current.why}"
        case Standing.FOLLOWER if current.leader:
            way = "; its own way to masakari does not work" if current.delivers is False else ""
            return f"{current.leader} reports, this monitor only watches: {current.why}{way}"
    return f"it is not known which monitor reports, this monitor only watches: {current.why}"


def elsewhere(current: Reporter) -> str:
    """Why this monitor does not send."""
    if current.standing is Standing.UNKNOWN:
        return "held: it is not yet known which monitor reports"
    if not current.leader:
        return "held: it is not known which monitor reports"
    return f"held: {current.leader} reports it"


def overdue(leader: str) -> str:
    """The reporter does nothing, or cannot."""
    return f"held: {leader} is to report it and masakari is not known to have it after a minute: look at {leader}"


def cut_off(leader: str) -> str:
    """The reporter says itself that it cannot."""
    return f"held: {leader} is to report it, and says that its own way to masakari does not work"


def unsayable(name: str) -> str:
    """No notification can name it."""
    return f"its failure cannot be reported: hostname {name!r} is not {HOSTNAME.pattern.removesuffix(chr(92) + 'Z')}"


def planned_work(work: Work, unread: Sequence[str] = ()) -> str:
    """Somebody is at it; `unread`: the links by which that was known before a restart, and is not now."""
    if unread:
        return (
            f"held: it is lost, and was {planned(work)} before this monitor was started, by {join(unread)}, which has "
            "not been seen since. If nobody works on it, end that in the cluster; or put it on maintenance in masakari "
            "and take it off again"
        )
    return f"held: it is lost while it is {planned(work)}; reported when that ends, if it still fails then"


def work_unread(links: Sequence[str], old: Sequence[str] = ()) -> str:
    """Nobody can say whether somebody is at it; `old`: those of the links that were seen once, too long ago."""
    never = [link for link in links if link not in old]
    seen = [f"has never seen {join(never)}"] if never else []
    seen += [f"has not seen {join(old)} since its start, nor for a day before it"] if old else []
    return (
        f"held: it is lost, and whether somebody works on it is not known: this monitor {' and '.join(seen)}, "
        "and nothing else of before its start says so. If it is really lost, put it on maintenance in masakari and "
        "take it off again, or evacuate it by hand"
    )


def work_over(work: Work) -> str:
    """Nobody is at it any more."""
    return f"its planned work has ended (it was {planned(work)})"


def work_void(work: Work, links: Sequence[str], limit: float) -> str:
    """What was kept over a restart holds no more."""
    return (
        f"it was {planned(work)} by {join(links)} before this monitor was started, and nothing has confirmed that for "
        f"{seconds(limit)}: it is not taken for worked on any more"
    )


def planned(work: Work) -> str:
    """The work, as the end of a sentence about a host."""
    return {
        Work.STANDBY: "in standby",
        Work.MAINTENANCE: "in maintenance",
        Work.CORDONED: "cordoned",
        Work.NONE: "in service",
    }[work]


def refused(why: str) -> str:
    """HA is off for a failed host: nothing is more urgent."""
    return (
        f"failed, refused by masakari: {why or 'it gave no reason'}. Nobody recovers its instances; it is offered "
        "anew when masakari's segments show a change, and now and then without one"
    )


def alive(evidence: str) -> str:
    """It runs."""
    return f"held: it is lost to its cluster and nothing can prove that it is off, but it still answers: {evidence}"


def untried(evidence: str, longest: float) -> str:
    """Whether it runs nobody could find out."""
    return (
        "held: nothing can prove that it is off, and whether anything of it still answers could not be tried: "
        f"{evidence}. It is tried again, for {seconds(longest)}, and then reported"
    )


def unwatched(links: Sequence[str], left: Sequence[str] = ()) -> str:
    """A failure there would not be seen; `left`: those of `links` that it has left, cleanly."""
    how = f" (it has left {join(left)})" if left else ""
    return f"{join(links)} does not list it{how}, and decides about it: it could fail there and nobody would be told"


def unseen(names: Sequence[str]) -> str:
    """Registered and watched by nobody."""
    return f"masakari has {join(names)} in a failover segment, but no link lists them: nothing watches them"


def other_case(ours: str, theirs: str) -> str:
    """Some databases of masakari tell upper from lower case."""
    return f"masakari has it as {theirs!r}, which differs in case only: name it {theirs!r} here, or {ours!r} there"


def suspected(values: Sequence[Membership], sequence: Sequence[str], settle: float) -> str:
    """A failure has begun."""
    down = [name for name, value in zip(sequence, values, strict=True) if value is Membership.DOWN]
    return f"it is down on {join(down)}, which asks for recovery; it has {seconds(settle)} to settle"


def failed(matrix: Matrix, values: Sequence[Membership], status: HostStatus, proven: str, again: bool) -> str:
    """The report itself; `proven`: what is known of its power, as a clause."""
    pairs = list(zip(matrix.sequence, values, strict=True))
    down = [name for name, value in pairs if value is Membership.DOWN]
    unknown = matrix.missing(values)
    why = f"it is down on {join(down)}, and the matrix asks for recovery"
    if unknown:
        why += f" whatever {join(unknown)} may be"
    if status is HostStatus.UNKNOWN:
        why += "; nothing proves that it is off, so masakari is told UNKNOWN until something does"
    elif proven:
        why += f"; {proven}"
    return f"{why} (sent again: its first report may never have arrived)" if again else why


def on_what(evidence: Evidence, life: LifeSeen | None, asked: bool) -> str:
    """On what NORMAL rests; `asked`: signs of life were looked for."""
    if evidence is Evidence.OFF:
        return "it is proven off"
    if not asked:
        return ""
    if life is not None and life.life is Life.SILENT:
        return f"nobody has checked that it is off, and nothing of it answers ({life.evidence})"
    return "nobody has checked that it is off, and it is not known whether anything of it still answers"


def awaiting_proof(evidence: Evidence, host: str = "", tired: bool = False) -> str:
    """Down, but nobody has shown that it is off; `tired`: although everybody was asked as often as is tried."""
    if evidence is Evidence.ON:
        return "held: it is down, but its power is on; waiting for proof that it is off"
    if evidence is Evidence.CONTRADICTED:
        return "held: it is down, and one source says that its power is off, another that it is on: find the wrong one"
    why = "held: it is down; waiting for proof that it is off"
    if not tired:
        return why
    return (
        f"{why}, of which there is none by now. If you know that it is off, say so to its cluster (Pacemaker: "
        f"stonith_admin --confirm {host}; Kubernetes: the taint node.kubernetes.io/out-of-service), or evacuate it by "
        "hand"
    )


def storm(found: Storm, known: int, policy: GuardPolicy) -> str:
    """Too many at once."""
    limit = policy.of(found.scope)
    where = "" if found.scope == EVERYWHERE else f" of the failure domain {found.scope}"
    return (
        f"{len(found.failed)} of {known} hosts{where} failed within {seconds(policy.window)} or are down together, "
        f"more than {limit:g} %: their reports are held until nothing changes for {seconds(policy.hold)}"
    )


def storm_holds(found: Storm) -> str:
    """One of its hosts."""
    return (
        f"held: {len(found.failed)} hosts failed together ({found.scope}); is it the network, or the watcher?"
    )


def storm_over(released: bool, policy: GuardPolicy) -> str:
    """How it ended."""
    if released:
        return f"nothing has changed for {seconds(policy.hold)}: the failures are taken as real and reported"
    return "none of its hosts is held any more"


def storm_stands(policy: GuardPolicy) -> str:
    """Its time is over, and so many are down that nothing but proof will do."""
    return (
        f"nothing has changed for {seconds(policy.hold)}: the failures are taken as real, and those are reported that "
        "are proven off, or seen alive on another link; the others stay held while so many are down"
    )


def left_long(after: float, links: Sequence[str] = ()) -> str:
    """Gone for good? `links`: those that it left, of one that is up on another."""
    if links:
        return (
            f"it left {join(links)} by itself more than {seconds(after)} ago and has not come back there: nothing "
            "watches it there"
        )
    return f"it left by itself more than {seconds(after)} ago and has not come back: nothing watches it"


def not_lost_but_told(host: str, perhaps: bool) -> str:
    """masakari has a report, or may have one, of a host that had only left."""
    told = "may have taken a report that was under way" if perhaps else "has taken the report that it failed"
    return (
        f"it was not lost, it has left, and masakari {told}: its instances may be started elsewhere while they run "
        f"here. Look at both: openstack notification list; openstack server list --all-projects --host {host}"
    )


def put_back(host: str, segment: str, perhaps: bool) -> str:
    """It is back, and a person must put it back into service, or see whether that is so."""
    commands = (
        f"openstack compute service set --enable {host} nova-compute; "
        f"openstack segment host update --on_maintenance False {quoted(segment)} {host}"
    )
    if perhaps:
        return (
            "it is back, and a report that it failed was under way when that was taken back: if masakari has it "
            "(openstack notification list), it puts the host on maintenance and disables it in nova. Then, when you "
            f"trust it: {commands}"
        )
    return (
        "it is back, and out of service: masakari has put it on maintenance and has disabled it in nova. When you "
        f"trust it: {commands}"
    )


def long_maintenance(after: float) -> str:
    """Forgotten, probably."""
    return f"it has been on maintenance in masakari for {seconds(after)}: high availability is off for it"


MATRIX_CHANGED = (
    "another matrix is in force: every host that is not plainly up was judged by it, and what was down before counts "
    "as after a restart of this monitor"
)
MATRIX_NEVER = (
    "another matrix is in force, and no combination of its links means recovery: no failed host will be reported. Mend "
    "[consul] matrix_config_file, and send SIGHUP again"
)
STORM_RULES_CHANGED = "other {what} are in force: storms are counted by them from now on"
STORM_RULES_COMING = "other {what} come into force when no storm holds a report any more"
