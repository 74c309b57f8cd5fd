"""What gossip is remembered for: a crashed server that was buried unseen is lost, a planned leave never is."""

import datetime
import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting
from masakarimonitors.hostmonitor.drivers.consul import parse
from masakarimonitors.hostmonitor.drivers.consul.departures.gossip import (
    ALONE,
    MOVES,
    UNTIL_BELIEVED,
    GossipMemory,
    most_are_heard,
    status_of,
)
from masakarimonitors.hostmonitor.drivers.consul.parse import Gossip, Known, Member
from tests.fixtures.fake_clock import EPOCH

ALL = [f"node{n:02d}" for n in range(1, 6)]
PASSING = dict.fromkeys(ALL, True)
X = "node02"


def moment(second: float) -> Instant:
    return Instant(second, EPOCH + datetime.timedelta(seconds=second))


def gossip(**statuses: Gossip) -> dict[str, Member]:
    """Members of which the first three are servers; alive, unless said otherwise (NONE: not listed)."""
    found = {node: statuses.get(node, Gossip.ALIVE) for node in ALL}
    return {n: Member(s, n in ALL[:3]) for n, s in found.items() if s is not Gossip.NONE}


def remembered(*looks: tuple[float, Gossip], heard: bool = True, answers: bool = True) -> Known:
    """Of X, which the leader called passing at second 0, by looks at their seconds; does its host answer?"""
    memory = GossipMemory()
    memory.leader_says(PASSING, moment(0))
    others = {} if heard else {"node01": Gossip.FAILED, "node03": Gossip.FAILED}
    for at, status in looks:
        for server in memory.look(gossip(**{X: status, **others}), moment(at)):
            if answers:
                memory.believe(server)
    return memory.known(X)


def test_every_pair_has_its_row() -> None:
    assert set(MOVES) == set(itertools.product(Known, Gossip))


@pytest.mark.parametrize(
    ("looks", "known"),
    [
        ([(6, Gossip.FAILED), (7, Gossip.FAILED), (18, Gossip.LEFT)], Known.FAILED),
        ([(6, Gossip.FAILED), (8, Gossip.NONE)], Known.FAILED),
        ([(6, Gossip.FAILED), (8, Gossip.ALIVE)], Known.ALIVE),
        ([(6, Gossip.FAILED), (8, Gossip.ALIVE), (9, Gossip.LEFT)], Known.UNSEEN),
        ([(6, Gossip.FAILED), (8, Gossip.LEAVING), (9, Gossip.LEFT)], Known.LEFT),
        ([(1, Gossip.LEAVING), (2, Gossip.LEFT), (200, Gossip.NONE)], Known.LEFT),
        ([(1, Gossip.LEFT)], Known.UNSEEN),
        # Whoever is alone begins to accuse its peers then.
        ([(8, Gossip.ALIVE), (16, Gossip.ALIVE), (ALONE + 1, Gossip.FAILED)], Known.UNSEEN),
        ([(6, Gossip.FAILED), (15, Gossip.FAILED), (ALONE + 1, Gossip.FAILED)], Known.UNSEEN),
        # It may have come back and left.
        ([(6, Gossip.FAILED), (7 + ALONE, Gossip.LEFT)], Known.UNSEEN),
        ([(6, Gossip.FAILED), (7 + ALONE, Gossip.FAILED), (8 + ALONE, Gossip.LEFT)], Known.UNSEEN),
    ],
)
def test_what_is_remembered_of_a_server(looks: list[tuple[float, Gossip]], known: Known) -> None:
    assert remembered(*looks) is known


def test_a_look_after_this_computer_was_suspended_has_missed_too_much() -> None:
    """By the monotonic clock the leader's last word is of a moment ago."""
    memory = GossipMemory()
    memory.leader_says(PASSING, moment(0))
    resumed = replace(moment(1), wall=moment(1 + 2 * ALONE).wall)
    memory.look(gossip(node02=Gossip.FAILED), resumed)
    assert memory.known(X) is Known.UNSEEN


@pytest.mark.parametrize(
    "looks",
    [
        [(6, Gossip.LEAVING)],
        [(6, Gossip.LEAVING), (7, Gossip.LEAVING), (8, Gossip.LEFT)],
        [(6, Gossip.LEAVING), (8, Gossip.NONE)],
    ],
)
def test_the_good_bye_of_a_server_that_answers_nothing_is_not_believed(
    looks: list[tuple[float, Gossip]],
) -> None:
    """A leader has crashed servers leave; an agent that has not heard of the crash calls them leaving."""
    assert remembered(*looks, answers=False) is Known.UNSEEN


def test_a_failure_is_kept_of_a_server_that_is_called_leaving_and_answers_nothing() -> None:
    """Gossip may lag behind a leader's burial; whoever may have missed its return forgets it."""
    looks = [(6, Gossip.FAILED), (8, Gossip.LEAVING), (9, Gossip.LEFT)]
    assert remembered(*looks, answers=False) is Known.FAILED
    late = [(6, Gossip.FAILED), (8 + ALONE, Gossip.LEAVING), (9 + ALONE, Gossip.LEFT)]
    assert remembered(*late, answers=False) is Known.UNSEEN
    assert set(UNTIL_BELIEVED) == set(Known)


def silent_memory() -> GossipMemory:
    memory = GossipMemory()
    memory.leader_says(PASSING, moment(0))
    memory.look(gossip(node02=Gossip.LEFT), moment(1))
    memory.fell_silent(X)
    return memory


def test_that_a_server_fell_silent_outlives_a_watch() -> None:
    memory = silent_memory()
    memory.leader_says({node: True for node in ALL if node != X}, moment(2))
    memory.forget()
    memory.look(gossip(node02=Gossip.LEFT), moment(3))
    assert memory.silent == {X}
    memory.not_silent(X)
    assert memory.known(X) is Known.UNSEEN


def test_a_silence_is_forgotten_when_its_end_may_have_been_missed() -> None:
    memory = silent_memory()
    memory.look(gossip(node02=Gossip.LEFT), moment(2 + ALONE))
    assert memory.known(X) is Known.UNSEEN
    memory = silent_memory()
    memory.look(gossip(), moment(2))
    assert memory.known(X) is Known.ALIVE


def test_what_is_known_of_a_failure_is_no_silence() -> None:
    memory = GossipMemory()
    memory.leader_says(PASSING | {X: False}, moment(0))
    memory.fell_silent(X)
    memory.not_silent(X)
    assert memory.known(X) is Known.CRITICAL


def test_a_server_that_was_called_failed_and_whose_host_has_answered_is_not_lost() -> None:
    memory = GossipMemory()
    memory.leader_says(PASSING, moment(0))
    memory.look(gossip(node02=Gossip.FAILED), moment(1))
    assert memory.known(X) is Known.FAILED
    memory.lived(X)
    assert memory.known(X) is Known.UNSEEN
    memory.look(gossip(node02=Gossip.FAILED), moment(2))
    assert memory.known(X) is Known.UNSEEN
    critical = GossipMemory()
    critical.leader_says(PASSING | {X: False}, moment(0))
    critical.lived(X)
    assert critical.known(X) is Known.CRITICAL, "a leader has said so"


def test_the_good_bye_of_a_client_is_its_own() -> None:
    memory = GossipMemory()
    memory.leader_says(PASSING, moment(0))
    assert not memory.look(gossip(node05=Gossip.LEAVING), moment(1))
    assert memory.known("node05") is Known.LEFT


def test_a_good_bye_that_was_taken_back_is_none() -> None:
    memory = GossipMemory()
    memory.leader_says(PASSING, moment(0))
    assert memory.look(gossip(node02=Gossip.LEAVING), moment(1)) == {X}
    memory.look(gossip(), moment(2))
    memory.believe(X)
    assert memory.known(X) is Known.ALIVE


def test_a_failure_stands_as_long_as_our_agent_hears_others() -> None:
    memory = GossipMemory()
    memory.leader_says(PASSING, moment(0))
    for second in range(6, 600, 6):
        memory.others_answer(moment(second))
        memory.look(gossip(node02=Gossip.FAILED), moment(second))
    assert memory.known(X) is Known.FAILED


def test_who_hears_less_than_half_remembers_nothing() -> None:
    assert remembered((6, Gossip.FAILED), heard=False) is Known.UNSEEN


def test_what_the_leader_said_last_counts() -> None:
    memory = GossipMemory()
    assert memory.known(X) is Known.UNSEEN
    memory.leader_says(PASSING | {X: False}, moment(0))
    memory.look(gossip(node02=Gossip.LEFT), moment(3))
    memory.leader_says({node: True for node in ALL if node != X}, moment(4))
    assert memory.known(X) is Known.CRITICAL
    memory.forget({X})
    assert memory.known(X) is Known.CRITICAL
    memory.forget()
    assert memory.known(X) is Known.UNSEEN
    memory.leader_says(PASSING, moment(5))
    assert memory.known(X) is Known.ALIVE


@pytest.mark.parametrize(
    ("members", "heard"),
    [
        (gossip(), True),
        (gossip(node02=Gossip.FAILED, node05=Gossip.FAILED), True),
        (gossip(node02=Gossip.FAILED, node03=Gossip.FAILED), False),
        (gossip(node03=Gossip.FAILED, node04=Gossip.FAILED, node05=Gossip.FAILED), False),
        # Who has left is not missed.
        (gossip(node02=Gossip.LEFT, node04=Gossip.LEFT, node05=Gossip.LEFT), True),
        # An agent that has just been started knows only itself, and no server.
        ({"node05": Member(Gossip.ALIVE, False)}, False),
        ({}, False),
    ],
)
def test_whether_most_are_heard(members: dict[str, Member], heard: bool) -> None:
    assert most_are_heard(members) is heard


def test_a_status_that_nobody_knows_is_none() -> None:
    assert status_of(None) is status_of(Member(9, True)) is Gossip.NONE


@dataclass
class World:
    """A server X, four others that live, and the agent of a monitor, as Consul's promises have it.

    A crash is called failed after 5 s by all that hear each other, and may be buried at once (by a leader that was
    there) or never; an agent that hears of the burial first calls it leaving for a while. A leave is `left` at once.
    Who is cut off hears nothing, calls X failed after 24 s and the others one by one, and knows the truth as soon as
    it is back.
    """

    now: float = 0.0
    truth: str = "alive"
    since: float = 0.0
    buried: bool = False
    lags: bool = False
    cut_at: float | None = None
    seen: Gossip = Gossip.ALIVE
    server: bool = True
    unheard: bool = False
    memory: GossipMemory = field(default_factory=GossipMemory)

    def step(self, action: str) -> None:
        match action:
            case "crash" | "leave" | "alive":
                if self._can(action):
                    self.truth, self.since, self.buried = action, self.now, False
                    self.unheard = False
            case "leave unheard":
                if self._can("leave"):
                    self.truth, self.since, self.unheard = "leave", self.now, True
            case "heard":
                self.unheard = False
            case "bury" | "bury unheard":
                self.buried = self.truth == "crash" and self.now - self.since >= 5
                self.lags = action == "bury unheard" and self.seen is Gossip.ALIVE
            case "cut":
                self.cut_at = self.now if self.cut_at is None else self.cut_at
            case "join":
                self.cut_at = None
            case "look" | "lonely look":
                self.now += 3
                self.look()
                if action == "look" and self.cut_at is None:
                    self.memory.others_answer(moment(self.now))
            case "wait":
                self.now += 24

    def _can(self, action: str) -> bool:
        """Who has come back after a crash stays for a while: a planned leave of it is no matter of seconds."""
        settled = self.since == 0 or self.now - self.since > ALONE + 3
        return {
            "crash": self.truth == "alive",
            "leave": self.truth == "alive" and settled,
            "alive": self.truth != "alive",
        }[action]

    def look(self) -> None:
        others: dict[str, Gossip] = {}
        if self.cut_at is None:
            late = self.now - self.since >= 5
            left = Gossip.LEAVING if self.lags else Gossip.LEFT
            crash = left if self.buried else Gossip.FAILED if late else self.seen
            self.lags = False
            gone = Gossip.LEFT if not self.unheard else Gossip.FAILED if late else self.seen
            self.seen = {"alive": Gossip.ALIVE, "leave": gone, "crash": crash}[self.truth]
        else:
            alone = self.now - self.cut_at
            if alone >= 24 and self.seen is Gossip.ALIVE:
                self.seen = Gossip.FAILED
            others = {node: Gossip.FAILED for at, node in ((30, "node01"), (35, "node03")) if alone >= at}
        members = gossip(**{X: self.seen, **others})
        members[X] = Member(self.seen, self.server)
        for server in self.memory.look(members, moment(self.now)):
            if self.truth != "crash" and self.cut_at is None:
                self.memory.believe(server)

    def judge(self) -> Sighting:
        """A leader is heard again, which does not list X: what a monitor says of it after a look."""
        self.look()
        member = Member(self.seen, self.server)
        return parse.gone(member, Membership.UNKNOWN, self.memory.known(X), {})


BURIALS = ("bury", "bury unheard")
ACTIONS = (
    "crash",
    "leave",
    "leave unheard",
    "heard",
    "alive",
    *BURIALS,
    "cut",
    "join",
    "look",
    "lonely look",
    "wait",
)


def is_true(actions: tuple[str, ...], server: bool = True) -> None:
    """Whatever happened, DOWN is said only of a node that crashed, and LEFT only of one that did not."""
    world = World(server=server)
    world.memory.leader_says(PASSING, moment(0))
    for action in actions:
        world.step(action)
    world.step("join")
    said = world.judge().value
    assert said is not Membership.DOWN or world.truth == "crash", actions
    # That a client which has left is back may be unheard for moments; its leader lists it then.
    left = world.truth == "leave" or (not server and "alive" in actions)
    assert said is not Membership.LEFT or left, actions


def test_no_short_course_of_events_is_misread() -> None:
    for actions in itertools.product(ACTIONS, repeat=4):
        is_true(actions)
    for actions in itertools.product([one for one in ACTIONS if "heard" not in one], repeat=5):
        is_true(actions)


CLIENTS = ("crash", "leave", "leave unheard", "alive", "cut", "join", "look", "lonely look", "wait")
"""A leader has no client leave."""


def test_no_short_course_of_events_around_a_client_is_misread() -> None:
    for actions in itertools.product(CLIENTS, repeat=4):
        is_true(actions, server=False)


@given(actions=st.lists(st.sampled_from([*CLIENTS, "look", "look", "look"]), max_size=40))
def test_no_long_course_of_events_around_a_client_is_misread(actions: list[str]) -> None:
    is_true(tuple(actions), server=False)


@given(actions=st.lists(st.sampled_from([*ACTIONS, "look", "look", "look"]), max_size=40))
def test_no_long_course_of_events_is_misread(actions: list[str]) -> None:
    is_true(tuple(actions))


def test_a_crash_that_is_watched_through_gossip_is_found() -> None:
    """Whenever it is buried, if gossip is looked at before: its host is asked, for it may have left unheard."""
    for waits in range(1, 30):
        world = World()
        world.memory.leader_says(PASSING, moment(0))
        for action in ["crash", "look", "look", *["look"] * waits, "bury"]:
            world.step(action)
        assert world.judge() is parse.CALLED_LEFT
