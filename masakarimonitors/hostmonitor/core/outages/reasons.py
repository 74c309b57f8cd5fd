"""Every reason for which a verdict about a host is given: one closed set, for log, status, metric and manual.

Pure words. A gate holds a report for exactly one of them. docs/hostmonitor.rst lists those that keep a failure from
being told or seen, with what to do about each, made from `TO_DO`; status and metric show the same.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """What a verdict about one host is about; the value is the short form that the status shows."""

    # What holds a report that is due, in the order of the gates.
    SETTLING = "settling"
    UNSURE = "not known now"
    LOOKUP = "waiting for masakari's segments"
    NEVER_UP = "never seen in service"
    SILENCED = "silenced"
    WORK = "planned work"
    WORK_UNREAD = "planned work not known"
    MAINTENANCE = "on maintenance in masakari"
    STORM = "storm"
    STORM_UNPROVEN = "storm, not proven off"
    ELECTION = "no reporter is known"
    NOBODY = "nobody reports"
    ELSEWHERE = "another monitor reports it"
    OVERDUE = "another monitor does not report it"
    STAGGER = "waiting for its turn"
    REFUSED = "refused by masakari"
    PROOF = "waiting for proof"
    CONTRADICTED = "proofs contradict each other"
    ALIVE = "it still answers"
    LIFE = "looking for signs of life"
    UNTRIED = "signs of life could not be looked for"
    ASKING = "asking masakari"
    EARLIER = "reported before, perhaps of an earlier failure"
    UNFINISHED = "masakari does not finish with it"
    UNSAYABLE = "its name cannot be reported"
    # What else is said of a host.
    UNDECIDED = "depends on a link that is not known"
    UNWATCHED = "not listed on a link that decides"
    PARTLY_DOWN = "partly down"
    LEFT = "left"
    LEFT_IN_SERVICE = "left in service"
    LEFT_LONG = "left long ago"
    NEVER_LOST = "reported, and had only left"
    OUT_OF_SERVICE = "to be put back into service"
    VANISHED = "listed nowhere"
    SENT = "reported"
    STILL_DOWN = "reported before"
    RETURNING = "partly back"
    FAILS_AGAIN = "fails again"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class LastVerdict:
    """The last verdict that was given of a host: the same reason and detail twice is no news."""

    reason: Reason
    detail: str = ""
    alarm: bool = False


TO_DO = {
    Reason.SETTLING: "Nothing: `settle_time`, or `unproven_settle_time` where nothing can prove that it is off.",
    Reason.UNSURE: "Its failure cannot be judged at present: look at the `link:` that is named.",
    Reason.LOOKUP: "Nothing: masakari is asked for a minute at most whether it knows the host.",
    Reason.NEVER_UP: "It was down before this monitor's first start, and no failover segment has it. Register it.",
    Reason.SILENCED: "Somebody wants no report of it for a time: the `silence:` row says who, why and until when. If "
    "it is really lost, end that: `masakari-monitors silence end ID`.",
    Reason.WORK: "Somebody is working on it (maintenance, standby, cordoned). If it is really lost, end "
    "that work in the cluster engine.",
    Reason.WORK_UNREAD: "No record of planned work from before its start, and a link that could show some was never "
    "seen: for an hour at most. Look at that `link:`. If the host is really lost: put it on maintenance in masakari "
    "and take it off again, or evacuate it by hand.",
    Reason.MAINTENANCE: "masakari would refuse the report. If the host is really lost, end its maintenance.",
    Reason.STORM: "Too many hosts failed together. Look at the switch, then at the watcher.",
    Reason.STORM_UNPROVEN: "As above, and nothing can prove that these hosts are off, so time alone releases "
    "nothing. If one is really lost: put it on maintenance in masakari and take it off again, or evacuate it by hand.",
    Reason.ELECTION: "No word of an election yet. After a minute it is an alarm: look at the cluster engine.",
    Reason.NOBODY: "There is no reporter and none can be elected; after 20 s every monitor reports. See `reporter`.",
    Reason.ELSEWHERE: "Another monitor is the reporter. Look there.",
    Reason.OVERDUE: "The reporter has had a minute and masakari is not known to have the report, or it says itself "
    "that it cannot reach masakari. Look there.",
    Reason.STAGGER: "Nothing: every monitor reports at present, one after another.",
    Reason.REFUSED: "masakari's own words are shown: end the maintenance, or register the host. It is offered anew.",
    Reason.PROOF: 'Its fencing has not succeeded, or long ago, and its BMC has not said "off". Mend these, or name its '
    "BMC. If you know that it is off, say so to its cluster: with Pacemaker `stonith_admin --confirm HOST`, with "
    "Kubernetes the taint `node.kubernetes.io/out-of-service`; with Consul evacuate it by hand. See "
    ":doc:`proof-of-death`.",
    Reason.CONTRADICTED: "One source says off, another says on: find the wrong one (a BMC of another host, a taint).",
    Reason.ALIVE: "Something at its address answers: it runs, and only its cluster agent or link is gone.",
    Reason.LIFE: "Nothing: its addresses are tried before a report without proof.",
    Reason.UNTRIED: "This monitor lacks something to try the host's addresses with: a route, descriptors, the name "
    "service. After 10 minutes it reports without having tried.",
    Reason.ASKING: "Nothing: masakari is asked whether another monitor has reported it.",
    Reason.EARLIER: "masakari took a report of it before this monitor watched it, and has not said since whether "
    "somebody has put the host back. Give the monitor its way to masakari, and `segment_lookup`. If the host was back "
    "and has failed again, evacuate it by hand.",
    Reason.UNFINISHED: "masakari has a report of it, perhaps of an earlier failure, and its engine does not finish "
    "with it. Look whether masakari-engine runs, and at `openstack notification list`. If nobody works on it, evacuate "
    "the host by hand.",
    Reason.UNSAYABLE: "masakari takes only letters, digits, dots, dashes and underscores in a host's name.",
    Reason.UNDECIDED: "This monitor cannot see the link that is named, and the matrix cannot do without it: look at "
    "its `link:`.",
    Reason.UNWATCHED: "Its agent of that network is not there, was stopped, or has another name. A failure there would "
    "not be seen.",
    Reason.LEFT_IN_SERVICE: "Somebody has stopped it or its agent cleanly. Put it on maintenance in masakari if "
    "that is meant. If its instances must go on, evacuate them.",
    Reason.LEFT_LONG: "Somebody stopped its agent cleanly, and nobody has started it since. A failure would not be "
    "seen.",
    Reason.VANISHED: "No link lists it any more. Start its agent, or take the host out of masakari's segments.",
    Reason.NEVER_LOST: "Its good-bye was heard only after masakari had its failure, or may have had it. See that no "
    "instance of it runs twice: on this host, if it is on, and where masakari has started it.",
    Reason.OUT_OF_SERVICE: "It is back, and masakari has, or may have, taken it out of service. The verdict names the "
    "two commands that put it back. It ends by itself when masakari's segments show the host in service and its engine "
    "has ended with every report of it.",
}
"""Each reason that holds a report, in the order of the gates, and then each for which a failure would not be seen or
judged, masakari was told of one that was none, or a host is back and out of service; and what a person does about
it."""
