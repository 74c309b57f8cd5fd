"""Probes and metrics of all monitors at once."""

from collections.abc import Sequence
from typing import Any

import pytest

from masakarimonitors.status.asked import Answer as Heard
from masakarimonitors.status.asked import Found
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.network.h11_server import Answer, Request
from masakarimonitors.web import probes
from masakarimonitors.web.watching import Watch

OK = {"health": "ok", "causes": []}
UNREACHED = {
    "health": "degraded",
    "causes": [
        {"level": "degraded", "kind": "masakari unreachable", "subject": "masakari-api", "seen": "503"}
    ],
}
BLIND = {
    "health": "blind",
    "causes": [{"level": "blind", "kind": "blind", "subject": "link:manage", "seen": "no leader"}],
}


class Host:
    def __init__(self, **monitors: Any) -> None:
        self.monitors = monitors
        self.watch = Watch(list(monitors), self._ask, SystemClock())
        self.routes = probes.routes(self.watch)

    def _ask(self, name: str, more: Sequence[str]) -> Found:
        shown = self.monitors[name]
        if isinstance(shown, Heard):
            return Found(name, shown, why="so")
        extra = {"metrics": f'x{{monitor="{name}"}} 1\n'} if "metrics" in more else {}
        return Found(name, Heard.SAID, {"monitor": name, **extra, **shown})

    async def ask(self, path: str) -> Answer:
        return await self.routes[path](Request(method="GET", path=path))

    async def codes(self) -> list[int]:
        return [(await self.ask(path)).status for path in ("/livez", "/readyz", "/healthz")]


@pytest.mark.parametrize(
    ("shown", "codes"),
    [
        (OK, [200, 200, 200]),
        (UNREACHED, [200, 200, 503]),
        (BLIND, [200, 503, 503]),
        (Heard.DEAD, [200, 503, 503]),
        (Heard.CLOSED, [200, 503, 503]),
        (Heard.NONE, [200, 200, 200]),
    ],
)
async def test_each_probe_says_what_it_is_for_of_all_of_them(shown: Any, codes: list[int]) -> None:
    assert await Host(a=shown, b=OK).codes() == codes


async def test_none_at_all_is_nothing_to_be_ready_for() -> None:
    host = Host(a=Heard.NONE)
    assert await host.codes() == [200, 503, 503]
    assert b"Nothing is watched here" in (await host.ask("/healthz")).body


async def test_every_cause_is_a_line_with_its_monitor() -> None:
    answer = await Host(a=BLIND, b=Heard.DEAD, c=OK).ask("/healthz")
    lines = answer.body.decode().splitlines()
    assert [line.split(": ")[1] for line in lines] == ["a link:manage", "b"]


@pytest.mark.parametrize("told", [None, "", 17])
async def test_who_answers_and_tells_no_metrics_is_not_taken_for_one_that_does(told: Any) -> None:
    """Or nothing would be told of it, and no alert could come."""
    text = (await Host(a={**OK, "metrics": told}, b=OK).ask("/metrics")).body.decode()
    assert 'masakari_monitors_up{monitor="a"} 0.0' in text and 'masakari_monitors_up{monitor="b"} 1.0' in text
    assert "\nmasakari_monitors_answering 1.0\n" in text


async def test_a_host_on_which_no_monitor_was_ever_seen_is_told_of_in_the_metrics_too() -> None:
    text = (await Host(a=Heard.NONE, b=Heard.NONE).ask("/metrics")).body.decode()
    assert "\nmasakari_monitors_answering 0.0\n" in text and "monitor=" not in text


async def test_the_metrics_are_those_of_all_that_answer_and_whether_each_does() -> None:
    host = Host(a=OK, b=Heard.DEAD, c=Heard.NONE)
    text = (await host.ask("/metrics")).body.decode()
    assert 'masakari_monitors_up{monitor="a"} 1.0' in text
    assert 'masakari_monitors_up{monitor="b"} 0.0' in text
    assert 'monitor="c"' not in text and 'x{monitor="a"} 1' in text and 'x{monitor="b"}' not in text
    host.monitors["a"] = Heard.NONE
    text = (await host.ask("/metrics")).body.decode()
    assert 'masakari_monitors_up{monitor="a"} 0.0' in text, "it was here, and is missed"
    assert "\nx{" not in text


async def test_half_a_character_of_one_monitor_costs_no_other_its_numbers() -> None:
    host = Host(a=OK, b={**OK, "metrics": 'y{what="\ud800"} 2\n'})
    assert 'x{monitor="a"} 1' in (await host.ask("/metrics")).body.decode()
