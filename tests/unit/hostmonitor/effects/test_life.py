"""Signs of life: what the tries of all known addresses say together, and that there is always one answer."""

import asyncio
from collections.abc import Sequence

import pytest

from masakarimonitors.hostmonitor.core.evidence.inquiry import LIFE_AGE, LIFE_INTERVAL, LIFE_LEAD, LIFE_LIMIT
from masakarimonitors.hostmonitor.core.observation import CheckLife, Life, LifeSeen
from masakarimonitors.hostmonitor.drivers.base import Endpoint
from masakarimonitors.hostmonitor.effects.life import APART, LONGEST, ROUNDS, TIMEOUT, SignsOfLife
from masakarimonitors.hostmonitor.power.names import NameFault
from masakarimonitors.system.network.tcp import Knock
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.waiting import eventually

ASKED = CheckLife("n1", 7)
REMOTE = Endpoint("192.0.2.1", 3121, "pacemaker-remoted")
SSH = Endpoint("192.0.2.1", 22, "ssh")
SIX = Endpoint("2001:db8::1", 22, "ssh")


class Network:
    """What each address answers: a word, a fault, or nothing until it is told (None)."""

    def __init__(self, **answers: Knock | Exception | None) -> None:
        self.answers = answers
        self.tried: list[tuple[str, int]] = []
        self.left: list[tuple[str, int]] = []
        self.at_once = 0

    async def knock(self, address: str, port: int, timeout: float) -> tuple[Knock, str]:
        place = (address, port)
        self.tried.append(place)
        self.at_once = max(self.at_once, len(self.tried) - len(self.left))
        try:
            answer = self.answers.get(f"p{port}", Knock.SILENT)
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                await asyncio.get_running_loop().create_future()
            assert answer is not None
            await asyncio.sleep(0)
            return answer, f"so says {port}"
        finally:
            self.left.append(place)


async def look(network: Network, *endpoints: Endpoint, own: Sequence[str] = ()) -> LifeSeen:
    clock = FakeClock()
    life = SignsOfLife(
        lambda host: endpoints if host == "n1" else (),
        clock,
        knock=network.knock,
        leads_elsewhere=lambda address: address not in own,
    )
    return await answered(life, clock)


async def answered(life: SignsOfLife, clock: FakeClock) -> LifeSeen:
    """The answer, however many rounds it takes."""
    asking = asyncio.get_running_loop().create_task(life.check(ASKED))
    try:
        while not asking.done():
            await asyncio.sleep(0)
            await clock.advance(0.5)
        return await asking
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


@pytest.mark.parametrize(
    ("remote", "ssh", "life", "words"),
    [
        (Knock.ACCEPTED, Knock.SILENT, Life.ALIVE, "pacemaker-remoted 192.0.2.1:3121 accepts connections"),
        (Knock.REFUSED, Knock.SILENT, Life.ALIVE, "pacemaker-remoted 192.0.2.1:3121 refuses connections"),
        (Knock.SILENT, Knock.REFUSED, Life.ALIVE, "ssh 192.0.2.1:22 refuses connections"),
        (Knock.SHORTAGE, Knock.REFUSED, Life.ALIVE, "ssh 192.0.2.1:22 refuses connections"),
        (Knock.SILENT, Knock.SILENT, Life.SILENT, "ssh 192.0.2.1:22: so says 22"),
        # No route of ours to one of its addresses says nothing of the host, and takes nothing from the other.
        (Knock.SILENT, Knock.NO_WAY, Life.SILENT, "so says 3121"),
        (Knock.NO_WAY, Knock.NO_WAY, Life.UNTRIED, "cannot try"),
        # Had we had the descriptor, it might have answered.
        (Knock.SILENT, Knock.SHORTAGE, Life.UNTRIED, "cannot try"),
    ],
)
async def test_one_answer_is_life_and_only_silence_of_all_is_silence(
    remote: Knock, ssh: Knock, life: Life, words: str
) -> None:
    seen = await look(Network(p3121=remote, p22=ssh), REMOTE, SSH)
    assert (seen.life, seen.host, seen.in_reply_to) == (life, "n1", ASKED)
    assert words in seen.evidence


@pytest.mark.parametrize(
    ("first", "second", "life", "words"),
    [
        (Knock.SILENT, Knock.SILENT, Life.SILENT, "ssh 192.0.2.1:22: so says 22, twice 5 s apart"),
        (Knock.SILENT, Knock.ACCEPTED, Life.ALIVE, "ssh 192.0.2.1:22 accepts connections"),
        (Knock.SILENT, Knock.REFUSED, Life.ALIVE, "ssh 192.0.2.1:22 refuses connections"),
        (Knock.SILENT, Knock.SHORTAGE, Life.UNTRIED, "cannot try"),
        (Knock.SHORTAGE, Knock.SILENT, Life.UNTRIED, "; 5 s later ssh 192.0.2.1:22: so says 22"),
        (Knock.SHORTAGE, Knock.SHORTAGE, Life.UNTRIED, "cannot try"),
        (Knock.SHORTAGE, Knock.REFUSED, Life.ALIVE, "refuses"),
    ],
)
async def test_silence_is_what_was_silent_at_two_rounds(
    first: Knock, second: Knock, life: Life, words: str
) -> None:
    network = Network(p22=first)
    clock = FakeClock()
    signs = SignsOfLife(lambda host: [SSH], clock, knock=network.knock, leads_elsewhere=lambda address: True)
    asking = asyncio.get_running_loop().create_task(signs.check(ASKED))
    await eventually(lambda: len(network.left) == 1, "the first round")
    await clock.advance(APART - 0.1)
    assert not asking.done() and len(network.tried) == 1
    network.answers["p22"] = second
    await clock.advance(0.1)
    seen = await asking
    assert (seen.life, seen.at.monotonic) == (life, 1000.0) and words in seen.evidence
    assert len(network.tried) == 2


def test_every_two_rounds_have_a_word() -> None:
    """What lives at the first needs no second, and where there is nothing to try there is no round."""
    ends = set(Life) - {Life.UNKNOWN}
    assert set(ROUNDS) == {(one, other) for one in ends for other in ends if one is not Life.ALIVE}


async def test_the_first_that_answers_ends_the_question_and_leaves_nobody_behind() -> None:
    network = Network(p3121=None, p22=Knock.ACCEPTED)
    seen = await look(network, REMOTE, SSH)
    assert seen.life is Life.ALIVE
    assert sorted(network.tried) == sorted(network.left) == [("192.0.2.1", 22), ("192.0.2.1", 3121)]


async def test_without_an_address_nothing_is_known() -> None:
    seen = await look(Network())
    assert (seen.life, seen.evidence) == (Life.UNKNOWN, "no address of n1 is known")


async def test_an_address_of_this_host_itself_is_no_sign_of_another_one() -> None:
    network = Network(p22=Knock.ACCEPTED)
    seen = await look(network, SSH, own=["192.0.2.1"])
    assert seen.life is Life.UNKNOWN and "lead to this host itself" in seen.evidence
    assert network.tried == []


async def test_a_try_that_raises_is_none() -> None:
    seen = await look(Network(p22=RuntimeError("odd")), SSH)
    assert seen.life is Life.UNTRIED and "RuntimeError: odd" in seen.evidence


async def test_endpoints_that_cannot_be_had_are_not_tried() -> None:
    def endpoints(host: str) -> Sequence[Endpoint]:
        raise KeyError(host)

    seen = await SignsOfLife(endpoints, FakeClock()).check(ASKED)
    assert seen.life is Life.UNTRIED and "KeyError" in seen.evidence


async def test_many_hosts_share_a_bounded_number_of_tries() -> None:
    network = Network(p22=Knock.SILENT)
    endpoints = [Endpoint(f"192.0.2.{n}", 22, "ssh") for n in range(600)]
    seen = await look(network, *endpoints)
    assert seen.life is Life.SILENT
    assert len(network.tried) == 2 * 600 and network.at_once <= 384


async def test_cancelling_ends_every_try() -> None:
    network = Network(p22=None, p3121=None)
    asking = asyncio.get_running_loop().create_task(look(network, REMOTE, SSH, SIX))
    await eventually(lambda: len(network.tried) == 3, "the tries")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert sorted(network.left) == sorted(network.tried)


async def test_an_ipv6_address_is_shown_as_one() -> None:
    assert "ssh [2001:db8::1]:22 accepts" in (await look(Network(p22=Knock.ACCEPTED), SIX)).evidence


def test_an_answer_comes_before_the_decision_has_given_it_up() -> None:
    assert LONGEST + 1 < LIFE_LIMIT
    assert 2 * TIMEOUT + APART < LIFE_LEAD, "in time for the end of the settling, where nobody stands in line"
    assert LIFE_INTERVAL + LIFE_LIMIT < LIFE_AGE, "silence is found anew before it is too old"


async def test_a_host_that_is_known_by_name_is_tried_at_its_addresses() -> None:
    """Pacemaker's connection resource may name a server, and its members are known by name alone."""

    async def look_up(host: str, port: int) -> Sequence[str]:
        if host != "n1.example":
            raise NameFault("its name cannot be looked up")
        return ["192.0.2.1", "2001:db8::1"]

    network = Network(p22=Knock.REFUSED)
    named = [Endpoint("n1.example", 3121, "pacemaker-remoted"), Endpoint("n1.example", 22, "ssh")]
    life = SignsOfLife(
        lambda host: named,
        FakeClock(),
        knock=network.knock,
        leads_elsewhere=lambda address: True,
        look_up=look_up,
    )
    seen = await life.check(ASKED)
    assert seen.life is Life.ALIVE and "ssh 192.0.2.1:22 refuses" in seen.evidence
    assert {address for address, _ in network.tried} == {"192.0.2.1", "2001:db8::1"}


async def test_a_name_that_leads_nowhere_is_no_silence() -> None:
    async def look_up(host: str, port: int) -> Sequence[str]:
        raise NameFault("its name cannot be looked up")

    clock = FakeClock()
    life = SignsOfLife(lambda host: [Endpoint("n1.example", 22, "ssh")], clock, look_up=look_up)
    seen = await answered(life, clock)
    assert seen.life is Life.UNTRIED and "n1.example" in seen.evidence
