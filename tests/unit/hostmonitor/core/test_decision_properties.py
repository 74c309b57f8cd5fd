"""No interleaving of samples, losses of sight, restarts and answers may break the promises.

A model of its own keeps what each source has said and judges by the words of the manual; the core
must never report what the model does not call down, never twice, never its own host, and in the
end, with everything seen and the storms over, exactly what is down.
"""

import itertools
import math

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.observation import Membership, Power
from masakarimonitors.hostmonitor.core.state import ProofPolicy
from tests.fixtures.host_play import OWN, THREE, Play, pacemaker_policy, policy

HOSTS = ("node02", "node03", "node04", "node05")
VALUES = st.sampled_from(
    [
        Membership.UP,
        Membership.UP,
        Membership.UP,
        Membership.DOWN,
        Membership.DOWN,
        Membership.LEFT,
        Membership.UNKNOWN,
    ]
)


class Hosts(RuleBasedStateMachine):
    """Three links, default matrix, no proof needed."""

    links: tuple[str, ...] = THREE

    @initialize(
        samples=st.integers(1, 3),
        settle=st.sampled_from([0.0, 2.0]),
        storm=st.booleans(),
        seen=st.booleans(),
    )
    def begin(self, samples: int, settle: float, storm: bool, seen: bool) -> None:
        guard = GuardPolicy() if storm else GuardPolicy(threshold=0.0)
        self.play = Play(policy(samples=samples, settle=settle, guard=guard))
        self.model_start()
        self.checked = 0
        if seen:
            for link in self.links:
                self.sight(link)
                self.listing(link, dict.fromkeys((OWN, *HOSTS), Membership.UP))
            self.time_passes(30.0)

    def model_start(self) -> None:
        self.said = {(host, link): Membership.UNKNOWN for host in HOSTS for link in self.links}
        self.down_seen: set[tuple[str, str]] = set()
        self.live = {link: (False, False) for link in self.links}
        self.until = dict.fromkeys(self.links, math.inf)

    # -- the model ------------------------------------------------------------------------------

    def sees(self, link: str) -> bool:
        return all(self.live[link]) and self.play.seconds < self.until[link]

    def hears(self, host: str, link: str, value: Membership) -> None:
        if value in (Membership.LEFT, Membership.UNKNOWN) and self.said[host, link] is Membership.DOWN:
            return
        self.said[host, link] = value

    def notice_down(self) -> None:
        for (host, link), value in self.said.items():
            if value is Membership.DOWN and self.sees(link):
                self.down_seen.add((host, link))

    def may_be(self, host: str, link: str) -> tuple[bool, ...]:
        value = self.said[host, link]
        if not self.sees(link) or value not in (Membership.UP, Membership.DOWN):
            return (True, False)
        return (value is Membership.UP,)

    def must_recover(self, host: str) -> bool:
        """The manual's default: storage down, whatever an unseen link could be."""
        vectors = itertools.product(*(self.may_be(host, link) for link in self.links))
        return all(not vector[self.links.index("storage")] for vector in vectors)

    def check(self) -> None:
        self.notice_down()
        for host, event, _ in self.play.reports[self.checked :]:
            assert host != OWN
            if event == "STOPPED":
                assert self.must_recover(host), (host, self.said, self.live)
                assert any((host, link) in self.down_seen for link in self.links)
        self.checked = len(self.play.reports)
        for host in HOSTS:
            events = [event for name, event, _ in self.play.reports if name == host]
            assert events == ["STOPPED", "STARTED"] * (len(events) // 2) + ["STOPPED"] * (len(events) % 2)

    # -- what happens ---------------------------------------------------------------------------

    @rule(link=st.sampled_from(THREE), values=st.dictionaries(st.sampled_from((OWN, *HOSTS)), VALUES))
    def change(self, link: str, values: dict[str, Membership]) -> None:
        for host in values.keys() & set(HOSTS):
            self.hears(host, link, values[host])
        self.play.sees(link, values)
        self.check()

    @rule(
        link=st.sampled_from(THREE),
        values=st.dictionaries(st.sampled_from((OWN, *HOSTS)), VALUES, min_size=5),
    )
    def listing(self, link: str, values: dict[str, Membership]) -> None:
        self.live[link] = (self.live[link][0], True)
        for host in HOSTS:
            self.hears(host, link, values.get(host, Membership.UNKNOWN))
        self.play.sees(link, values, whole=True)
        self.check()

    @rule(host=st.sampled_from(HOSTS), value=VALUES)
    def storage(self, host: str, value: Membership) -> None:
        self.change("storage", {host: value})

    @rule(link=st.sampled_from(THREE))
    def sight(self, link: str) -> None:
        self.live[link] = (True, self.live[link][1])
        self.until[link] = math.inf
        self.play.view(link)
        self.check()

    @rule(link=st.sampled_from(THREE), seconds=st.sampled_from([1.0, 5.0]))
    def sight_that_lapses(self, link: str, seconds: float) -> None:
        self.live[link] = (True, self.live[link][1])
        self.until[link] = self.play.seconds + seconds
        self.play.view(link, good_for=seconds)
        self.check()

    @rule(link=st.sampled_from(THREE))
    def blindness(self, link: str) -> None:
        self.live[link] = (False, False)
        self.play.view(link, proven=False)
        self.check()

    @rule(seconds=st.sampled_from([0.1, 1.0, 2.0, 5.0, 30.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        end = self.play.seconds + seconds
        while self.play.seconds < end:
            # A proof that lapses on the way must be looked at before and after.
            lapses = [at for at in self.until.values() if self.play.seconds < at < end]
            self.play.wait(min(lapses, default=end) - self.play.seconds - (0.001 if lapses else 0.0))
            self.check()
            if lapses:
                self.play.wait(0.002)
                self.check()

    @rule()
    def restart(self) -> None:
        self.notice_down()
        kept = {key: value for key, value in self.said.items() if value is Membership.DOWN}
        seen = self.down_seen
        self.play.start()
        self.model_start()
        self.down_seen = seen
        # DOWN that was proven is remembered, and so colours a later LEFT; it is not seen now.
        self.said |= {key: value for key, value in kept.items() if key in seen}

    @rule(host=st.sampled_from(HOSTS), power=st.sampled_from(Power))
    def power_is_seen(self, host: str, power: Power) -> None:
        self.play.power(host, power)
        self.check()

    # -- in the end -----------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "play"):
            return
        for values in (Membership.UP, None):
            for link in self.links:
                self.sight(link)
                self.listing(link, {host: values or self.final(host, link) for host in HOSTS})
            self.time_passes(1000.0)
        for host in HOSTS:
            events = [event for name, event, _ in self.play.reports if name == host]
            state = events[-1] if events else "STARTED"
            assert state == ("STOPPED" if self.final(host, "storage") is Membership.DOWN else "STARTED"), (
                host,
                events,
            )

    def final(self, host: str, link: str) -> Membership:
        """In the end two hosts are dead, one has lost its management network, the others are well."""
        dead = host in HOSTS[:2] or (host == HOSTS[2] and link == "manage")
        return Membership.DOWN if dead else Membership.UP


class HostsWithProof(RuleBasedStateMachine):
    """One link, proof needed: NORMAL only for what was proven off and not seen up since."""

    @initialize(retries=st.integers(0, 3))
    def begin(self, retries: int) -> None:
        self.play = Play(pacemaker_policy(proof=ProofPolicy(retries=retries, interval=10.0)))
        self.play.all_up(*HOSTS)
        self.off: set[str] = set()
        self.down: set[str] = set()
        self.checked = 0

    def check(self) -> None:
        for host, event, status in self.play.reports[self.checked :]:
            if event == "STOPPED":
                assert host in self.down
                assert status == "UNKNOWN" or host in self.off
        self.checked = len(self.play.reports)
        for host in HOSTS:
            said = [(event, status) for name, event, status in self.play.reports if name == host]
            for one, other in itertools.pairwise(said):
                # Nothing is said twice, and the one correction is from UNKNOWN to NORMAL.
                assert one != other
                assert (one[0], other[0]) != ("STOPPED", "STOPPED") or one[1] == "UNKNOWN"

    @rule(host=st.sampled_from(HOSTS))
    def dies(self, host: str) -> None:
        self.down.add(host)
        self.play.cut(host)
        self.check()

    @rule(host=st.sampled_from(HOSTS))
    def comes_up(self, host: str) -> None:
        self.down.discard(host)
        self.off.discard(host)
        self.play.heal(host)
        self.check()

    @rule(host=st.sampled_from(HOSTS))
    def is_fenced(self, host: str) -> None:
        if host in self.down:
            self.off.add(host)
        self.play.power(host, Power.OFF)
        self.check()

    @precondition(lambda self: self.play.asked)
    @rule(power=st.sampled_from(Power), back=st.integers(1, 4))
    def bmc_answers(self, power: Power, back: int) -> None:
        """Maybe late, maybe about an outage that is long over."""
        question = self.play.asked[-min(back, len(self.play.asked))]
        newest = [asked for asked in self.play.asked if asked.host == question.host][-1]
        if power is Power.OFF and question == newest and question.host in self.down:
            self.off.add(question.host)
        self.play.power(question.host, power, question)
        self.check()

    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0, 200.0]))
    def time_passes(self, seconds: float) -> None:
        self.play.wait(seconds)
        self.check()

    @rule()
    def quorum_is_lost_and_regained(self) -> None:
        self.play.view("cluster", proven=False).wait(30)
        values = {host: Membership.DOWN if host in self.down else Membership.UP for host in HOSTS}
        self.play.view("cluster").sees("cluster", values, whole=True)
        self.check()


CASE = settings(
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestHosts = Hosts.TestCase
TestHosts.settings = CASE
TestHostsWithProof = HostsWithProof.TestCase
TestHostsWithProof.settings = CASE
