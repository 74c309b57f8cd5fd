"""Whatever is said to the core by chance: no unlisted move, no look without end, nothing left open or untold.

Every observation that there is, in any order, with odd names and late answers, under the rules as shipped.
"""

import math
import random
from collections.abc import Callable

import pytest

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Life, Membership, Outcome, Power, ProofKind, Work
from masakarimonitors.hostmonitor.core.state import Policy, ProofPolicy
from tests.fixtures.host_play import Play, shipped_policy

HOSTS = ("a", "b", "c", "d e")
MATRICES = (matrix.default(), matrix.single("cluster"), matrix.default(["manage", "storage"]))
KINDS = (None, *ProofKind)


def rules(chance: random.Random) -> Policy:
    return shipped_policy(
        matrix=chance.choice(MATRICES),
        elected=chance.random() < 0.7,
        lookup=chance.random() < 0.6,
        samples=chance.choice([1, 1, 3]),
        proof=chance.choice([None, ProofPolicy(), ProofPolicy(retries=0, answer_limit=20.0)]),
        guard=chance.choice([GuardPolicy(), GuardPolicy(threshold=0.0)]),
        unproven_settle=chance.choice([0.0, 2.0, 30.0]),
    )


def say_something(play: Play, chance: random.Random) -> None:
    """One line of the dialogue."""
    host, link = chance.choice(HOSTS), chance.choice(play.rules.matrix.sequence)
    value = chance.choice([*Membership, Membership.UP, Membership.DOWN])
    ledger = chance.choice(
        [None, {}, {host: LedgerEntry(chance.choice(list(HostStatus)), play.now.wall, chance.random() < 0.5)}]
    )
    stopped = [n for n, sent in enumerate(play.sent) if sent.payload["event"] == "STOPPED"]
    lines: list[Callable[[], object]] = [
        *[lambda: play.sees(link, {host: value})] * 4,
        lambda: play.view(link, chance.random() < 0.7, chance.choice([None, 8.0])),
        lambda: play.view(link).sees(link, dict.fromkeys(HOSTS, value), whole=True),
        lambda: play.power(host, chance.choice(list(Power)), kind=chance.choice(KINDS)),
        lambda: play.asked and play.answer(chance.choice(list(Power)), chance.choice(KINDS)),
        lambda: play.asked_life and play.breathes(chance.choice(list(Life))),
        lambda: play.asked_list and play.found(chance.choice([True, False, None])),
        lambda: stopped and play.answers(chance.choice(list(Outcome)), chance.choice(stopped), "409"),
        lambda: play.leads(ledger, chance.choice([math.inf, 10.0])),
        lambda: play.follows(chance.choice(["n2", ""]), ledger, chance.choice([None, True, False])),
        lambda: play.no_election(play.seconds - chance.choice([0, 100])),
        lambda: play.registry({name: chance.random() < 0.4 for name in HOSTS}, frozenset({host})),
        lambda: play.registry(chance.choice([None, {}])),
        lambda: play.work(host, chance.choice(list(Work))),
        play.start,
        *[lambda: play.wait(chance.choice([0.5, 2, 10, 30, 120, 300, 1000]))] * 3,
    ]
    chance.choice(lines)()


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_said(seed: int) -> None:
    chance = random.Random(seed)
    play = Play(rules(chance), api=False, life=None, listed=None)
    for _ in range(120):
        say_something(play, chance)
    # All are well again, and nobody works on them: nothing stays open.
    for link in play.rules.matrix.sequence:
        play.view(link).sees(link, dict.fromkeys(HOSTS, Membership.UP), whole=True)
    for host in HOSTS:
        play.work(host, Work.NONE)
    play.wait(2000)
    assert all(play.state.hosts[host].outage is None for host in HOSTS)
    # Then one dies, and masakari, its BMC and its addresses behave: it is told, or a person is.
    play.leads({}).registry(dict.fromkeys(HOSTS, False))
    play.api, play.life, play.listed = True, Life.SILENT, False
    before = len(play.reports)
    play.cut("a").wait(700)
    told = [report for report in play.reports[before:] if report[:2] == ("a", "STOPPED")]
    assert told or play.last("host:a").alarm
