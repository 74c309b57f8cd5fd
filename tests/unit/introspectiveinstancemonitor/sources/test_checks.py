"""Application checks against played agents: nobody's guest delays or breaks another's."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.checks import Check, Match
from masakarimonitors.introspectiveinstancemonitor.core.observation import Answered, Inconclusive, Missed
from masakarimonitors.introspectiveinstancemonitor.sources.agent import Refused
from masakarimonitors.introspectiveinstancemonitor.sources.agent_commands import PLACES
from masakarimonitors.introspectiveinstancemonitor.sources.checks import Checks
from masakarimonitors.introspectiveinstancemonitor.sources.domain_xml import Nova
from masakarimonitors.introspectiveinstancemonitor.sources.output import Expression
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target, Targets
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.waiting import eventually
from tests.unit.introspectiveinstancemonitor.sources.agents import (
    Agents,
    Reply,
    answering,
    dawdling,
    well,
)

EVERY = Match(names=("*",))


class Play:
    """A source at work; `seen` is what it says, with the second at which it did."""

    def __init__(self, targets: Targets, **check: Any) -> None:
        self.clock = FakeClock()
        self.agents = Agents(self.clock)
        self.seen: list[tuple[float, Any]] = []
        self.check = Check(name="web", match=EVERY, command=("/x",), **check)
        output = self.check.output
        self.source = Checks(
            "test:///default",
            targets,
            self.clock,
            [self.check],
            {"web": Expression(output)} if output else {},
            self.agents.session,
            self.agents.ask,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Play"]:
        task = asyncio.get_running_loop().create_task(
            self.source.run(lambda one: self.seen.append((self.clock.now().monotonic, one)))
        )
        try:
            yield self
        finally:
            assert not task.done(), "the whole source has ended"
            task.cancel()
            await asyncio.wait({task})

    def of(self, uuid: str) -> list[tuple[float, Any]]:
        return [(at, one) for at, one in self.seen if one.uuid == uuid]

    def kinds(self, uuid: str) -> set[type]:
        return {type(one) for _, one in self.of(uuid)}


async def test_sixty_hung_applications_do_not_delay_the_healthy_one() -> None:
    hung = [f"hung{n}" for n in range(60)]
    play = Play(answering("good", *hung))
    play.agents.replies = dict.fromkeys(hung, dawdling)
    async with play.running():
        for _ in range(300):
            await play.clock.advance(1)
    times = [at for at, _ in play.of("good")]
    assert len(times) == 10 and play.kinds("good") == {Answered}
    assert {one.where for _, one in play.seen} == {"test:///default"}
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= 31
    for one in hung:
        misses = [at for at, seen in play.of(one) if isinstance(seen, Missed)]
        assert len(misses) >= 8, "each of them is checked in its rhythm, too"


async def test_sixty_hung_agents_do_not_delay_the_healthy_one_for_long() -> None:
    """Each of their steps keeps a session for five seconds, until their heartbeat has found them out."""
    hung = [f"hung{n}" for n in range(60)]
    targets = answering("good", *hung)
    play = Play(targets)
    play.agents.takes = dict.fromkeys(hung, 5.0)
    play.agents.replies = dict.fromkeys(hung, dawdling)
    async with play.running():
        for second in range(300):
            if second == 12:
                targets.answering -= set(hung)
            await play.clock.advance(1)
    times = [at for at, _ in play.of("good")]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= 45
    assert len(times) >= 9


async def test_no_more_steps_are_under_way_than_there_are_places() -> None:
    names = [f"guest{n}" for n in range(30)]
    play = Play(answering(*names), interval=2.0)
    play.agents.takes = dict.fromkeys(names, 0.5)
    async with play.running():
        for _ in range(30):
            await play.clock.advance(1)
    assert play.agents.most <= sum(PLACES.values())


def says(status: dict[str, Any]) -> Callable[[str], Reply]:
    return lambda command: {
        "return": {"pid": 7} if command == "guest-exec" else {"exited": True, "exitcode": 0} | status
    }


NONSENSE: dict[str, Callable[[str], Reply]] = {
    "no process": lambda _: {"return": {}},
    "a process that is a word": lambda _: {"return": {"pid": "x"}},
    "a process that is nothing": lambda _: {"return": {"pid": None}},
    "a list": lambda _: {"return": []},
    "a list outside": lambda _: [1],
    "a number outside": lambda _: "5",
    "no JSON": lambda _: "{",
    "text that is none": lambda _: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "memory": lambda _: MemoryError(),
    "an output that is a number": says({"out-data": 7}),
    "an exit code that is a word": says({"exitcode": "0"}),
    "an exit code that is true": says({"exitcode": True}),
    "a signal that is a list": says({"exitcode": None, "signal": []}),
    "deep": lambda _: "[" * 100_000,
    "long": lambda _: '{"return": {"pid": ' + " " * (1 << 21) + "7}}",
}


@pytest.mark.parametrize("reply", NONSENSE.values(), ids=NONSENSE)
async def test_what_one_agent_replies_touches_no_other_guest(reply: Callable[[str], Reply]) -> None:
    play = Play(answering("evil", "good"), interval=1.0)
    play.agents.replies["evil"] = reply
    async with play.running():
        for _ in range(5):
            await play.clock.advance(1)
    assert play.kinds("evil") == {Inconclusive}, "and it says nothing about the application"
    assert play.kinds("good") == {Answered} and len(play.of("good")) >= 4


async def test_an_output_that_no_search_comes_to_an_end_with_is_given_up() -> None:
    play = Play(answering("evil", "good"), interval=1.0, output="(a|aa)+$")
    bad, good = (base64.b64encode(text).decode() for text in (b"a" * 60 + b"b", b"aaa\n"))
    play.agents.replies = {"evil": says({"out-data": bad}), "good": says({"out-data": good})}
    async with play.running():
        await play.clock.advance(1)
        await eventually(
            lambda: play.kinds("evil") == {Inconclusive} and play.kinds("good") == {Answered}, "both"
        )
    why = next(one.why for _, one in play.of("evil"))
    assert "was not decided on 61 characters" in why


async def test_an_output_that_does_not_match_is_a_miss() -> None:
    play = Play(answering("good"), interval=1.0, output="^ready$")
    play.agents.replies["good"] = says({"out-data": base64.b64encode(b"not ready").decode()})
    async with play.running():
        await play.clock.advance(1)
        await eventually(lambda: bool(play.seen), "the miss")
    (missed,) = [one for _, one in play.of("good")]
    assert missed.final and "does not match '^ready$'; it said 'not ready'" in missed.evidence


async def test_a_command_that_dawdles_is_not_started_a_second_time() -> None:
    play = Play(answering("guest"), interval=5.0, timeout=2.0)
    play.agents.replies["guest"] = dawdling
    async with play.running():
        for _ in range(30):
            await play.clock.advance(1)
        assert [command for _, _, command in play.agents.asked].count("guest-exec") == 1
        assert "has not ended within 2 s" in play.of("guest")[0][1].evidence
        play.agents.replies["guest"] = well
        for _ in range(5):
            await play.clock.advance(1)
    assert isinstance(play.of("guest")[-1][1], Answered)


async def test_one_that_the_agent_does_not_know_any_more_is_started_anew() -> None:
    play = Play(answering("guest"), interval=5.0, timeout=2.0)
    play.agents.replies["guest"] = dawdling
    async with play.running():
        for _ in range(8):
            await play.clock.advance(1)
        started = 1

        def anew(command: str) -> Reply:
            """The first command is forgotten; the second ends well."""
            nonlocal started
            started += command == "guest-exec"
            return Refused("PID 7 does not exist") if started == 1 else well(command)

        play.agents.replies["guest"] = anew
        for _ in range(12):
            await play.clock.advance(1)
    kinds = [type(one).__name__ for _, one in play.of("guest")]
    assert kinds[0] == "Missed"
    assert kinds[kinds.index("Inconclusive") + 1] == "Answered"
    assert kinds.count("Inconclusive") == 1


async def test_a_guest_that_does_not_answer_its_pings_is_not_checked() -> None:
    targets = answering("guest")
    targets.answering.clear()
    play = Play(targets, interval=1.0)
    async with play.running():
        for _ in range(5):
            await play.clock.advance(1)
    assert play.agents.asked == []


async def test_checks_that_are_changed_are_asked_from_then_on_and_what_was_under_way_is_nobodys() -> None:
    play = Play(answering("guest"), interval=10.0, timeout=5.0)
    play.agents.replies["guest"] = dawdling
    other = replace(play.check, command=("/y",), interval=3.0)
    more = replace(other, name="db")
    async with play.running():
        while not play.agents.asked:
            await play.clock.advance(1)
        # Its command runs, and will be found not to have ended.
        play.source.renew([other, more], {}, {"web"})
        play.agents.replies["guest"] = well
        for _ in range(30):
            await play.clock.advance(1)
        assert play.kinds("guest") == {Answered}
        assert {one.probe for _, one in play.seen} == {"web", "db"}
        times = [at for at, one in play.seen if one.probe == "web"]
        assert all(later - earlier == 3 for earlier, later in itertools.pairwise(times)) and len(times) > 5
        play.source.renew([more], {}, {"web"})
        play.seen.clear()
        for _ in range(30):
            await play.clock.advance(1)
        assert {one.probe for _, one in play.seen} == {"db"}


async def test_one_that_is_taken_out_between_its_turn_and_its_beginning_ends_nothing() -> None:
    """Between the two the loop has a turn for others: whoever changes the checks may come first."""
    play = Play(answering("guest"), interval=2.0)
    other = replace(play.check, name="db")
    both: list[Check] = [play.check, other]
    play.source.renew(both, {}, ())
    begin, left = play.source._turn_of, [play.check]

    def taken_out_next(target: Target, name: str) -> Any:
        if left and name == "db":
            left.clear()
            asyncio.get_running_loop().call_soon(play.source.renew, [play.check], {}, {"db"})
        return begin(target, name)

    play.source._turn_of = taken_out_next  # type: ignore[method-assign]
    async with play.running():
        for _ in range(10):
            await play.clock.advance(1)
        assert not left and {one.probe for _, one in play.seen} == {"web"}
        assert ("guest", "db") not in play.source._under_way
        play.source.renew(both, {}, ())
        for _ in range(10):
            await play.clock.advance(1)
    assert {one.probe for _, one in play.seen} == {"web", "db"}, "put back, it is asked"


async def test_what_was_under_way_when_the_source_ended_is_asked_when_it_runs_again() -> None:
    play = Play(answering("guest"), interval=2.0)
    play.source._under_way.add(("guest", "web"))
    async with play.running():
        for _ in range(10):
            await play.clock.advance(1)
    assert play.kinds("guest") == {Answered}


async def test_what_comes_of_a_guest_that_was_left_out_meanwhile_is_nobodys() -> None:
    play = Play(answering("guest"), timeout=5.0)
    play.agents.replies["guest"] = dawdling
    async with play.running():
        while not play.agents.asked:
            await play.clock.advance(1)
        play.source.renew([replace(play.check, match=Match(names=("others-*",)))], {}, ())
        for _ in range(30):
            await play.clock.advance(1)
    assert play.seen == []


async def test_a_turn_that_had_less_time_than_its_check_is_given_meanwhile_is_no_miss() -> None:
    play = Play(answering("guest"), interval=30.0, timeout=10.0)
    play.agents.replies["guest"] = dawdling
    async with play.running():
        while not play.agents.asked:
            await play.clock.advance(1)
        begun = play.clock.now().monotonic
        play.source.renew([replace(play.check, timeout=60.0)], {}, ())
        while not play.seen:
            await play.clock.advance(1)
    ((at, missed),) = play.seen
    assert at - begun >= 60 and "has not ended within 60 s" in missed.evidence
    assert [command for _, _, command in play.agents.asked].count("guest-exec") == 1, "it went on"


async def test_a_change_that_gives_no_more_time_hides_none() -> None:
    play = Play(answering("guest"), interval=30.0, timeout=10.0)
    play.agents.replies["guest"] = dawdling
    async with play.running():
        while not play.agents.asked:
            await play.clock.advance(1)
        play.source.renew([replace(play.check, interval=60.0)], {}, ())
        while not play.seen:
            await play.clock.advance(1)
    assert "has not ended within 10 s" in play.seen[0][1].evidence


async def test_nor_does_more_time_hide_a_failure_that_was_seen() -> None:
    play = Play(answering("guest"), interval=30.0, timeout=10.0)
    play.agents.replies["guest"] = dawdling
    async with play.running():
        while not play.agents.asked:
            await play.clock.advance(1)
        play.source.renew([replace(play.check, timeout=60.0)], {}, ())
        play.agents.replies["guest"] = says({"exitcode": 1})
        while not play.seen:
            await play.clock.advance(1)
    assert "ended with exit code 1" in play.seen[0][1].evidence


async def test_a_check_that_is_only_asked_more_often_goes_on() -> None:
    play = Play(answering("guest"), interval=10.0)
    async with play.running():
        for _ in range(30):
            await play.clock.advance(1)
        play.source.renew([replace(play.check, interval=2.0)], {}, ())
        play.seen.clear()
        for _ in range(30):
            await play.clock.advance(1)
    assert len(play.seen) >= 10 and play.kinds("guest") == {Answered}


async def test_a_program_that_is_in_few_guests_does_not_delay_what_is_checked_in_the_others() -> None:
    """A refusal takes milliseconds: those without the program do not stand in line with the slow."""
    without = [f"without{n}" for n in range(30)]
    hung = [f"hung{n}" for n in range(10)]
    play = Play(answering(*hung, *without), interval=10.0)
    play.agents.replies = dict.fromkeys(without, lambda _: Refused("no such file"))
    play.agents.replies |= dict.fromkeys(hung, dawdling)
    play.agents.takes = dict.fromkeys(hung, 5.0)
    async with play.running():
        for _ in range(120):
            await play.clock.advance(1)
    for uuid in without:
        # The first turn stands behind the first steps of those that hang, which nobody knows yet.
        assert len(play.of(uuid)) >= 9


async def test_one_that_is_not_meant_for_a_guest_any_more_is_not_made_there() -> None:
    targets = answering("good", "other")
    play = Play(targets, interval=1.0)
    play.source._checks["web"] = replace(play.check, match=Match(nova=(("project", ("shop",)),)))
    for uuid in ("good", "other"):
        targets.put(replace(targets.by_uuid[uuid], nova=Nova(project="shop")))
    async with play.running():
        for _ in range(5):
            await play.clock.advance(1)
        assert play.of("good") and play.of("other")
        targets.put(replace(targets.by_uuid["other"], nova=Nova(project="bank")))
        await play.clock.advance(1)
        before = len(play.of("other"))
        for _ in range(5):
            await play.clock.advance(1)
        assert len(play.of("other")) == before and len(play.of("good")) >= 9
        targets.put(replace(targets.by_uuid["other"], nova=Nova(project="shop")))
        for _ in range(5):
            await play.clock.advance(1)
        assert len(play.of("other")) > before


async def test_a_command_that_has_ended_while_this_process_stood_still_has_ended_in_time() -> None:
    """What the agent said before says nothing of it: it is asked once more when the time is over."""
    play = Play(answering("one"), timeout=5.0)
    asked = itertools.count()

    def ends_meanwhile(command: str) -> Reply:
        if command == "guest-exec":
            return {"return": {"pid": 7}}
        return {"return": {"exited": bool(next(asked)), "exitcode": 0}}

    play.agents.replies["one"] = ends_meanwhile
    play.agents.takes["one"] = 100.0
    async with play.running():
        while not play.of("one"):
            await play.clock.advance(10)
    assert play.kinds("one") == {Answered}
