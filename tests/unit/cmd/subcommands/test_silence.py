"""`masakari-monitors silence`: which monitors are asked, what is asked of them, and what their answers come to."""

import asyncio
import contextlib
import datetime
import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.cmd.console.tables import Writer
from masakarimonitors.cmd.subcommands import silence as silence_command
from masakarimonitors.core.silences.silence import as_json
from masakarimonitors.core.silences.wish import Add, Answer, End, Wish
from masakarimonitors.outbox import control
from masakarimonitors.outbox.by_hand import Asked, Done
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.fixtures.silences import silence
from tests.unit.cmd.conftest import Run


class Monitor:
    """Takes wishes at its socket; `does` what it is asked, or says why not."""

    def __init__(self, folder: Path, name: str, does: bool = True) -> None:
        self.name = name
        self.path = folder / f"{name}.control"
        (folder / f"{name}.sqlite").touch()
        self.does = does
        self.asked: list[Wish] = []

    async def ask(self, wish: Wish) -> Answer:
        self.asked.append(wish)
        key = "s7" if self.does else ""
        return Answer(self.does, f"{self.name}: {'done' if self.does else 'no'}", key)


async def do(asked: Asked) -> Done:
    raise AssertionError("nobody asked about a report")


@contextlib.asynccontextmanager
async def running(*monitors: Monitor) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for one in monitors:
            await stack.enter_async_context(control.serve(do, FakeClock(), one.path, one.ask))
        yield


@pytest.fixture
def state(tmp_path: Path, run: Run) -> Path:
    return tmp_path / "state"


async def test_a_silence_of_hosts_is_the_host_monitors(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts, processes = Monitor(state, "hostmonitor"), Monitor(state, "processmonitor")
    words = (
        "add",
        "host:node05",
        "domain:rack1",
        "all",
        "--until",
        "2026-11-22T09:00+01:00",
        "--reason",
        "x",
    )
    async with running(hosts, processes):
        assert await asyncio.to_thread(run, "silence", *words) == 0
    until = datetime.datetime(2026, 11, 22, 8, tzinfo=datetime.UTC)
    assert [one.what for one in hosts.asked] == [
        Add(target=target, until=until) for target in ("host:node05", "domain:rack1", "all")
    ]
    assert {one.why for one in hosts.asked} == {"x"} and all("uid " in one.who for one in hosts.asked)
    assert processes.asked == []
    assert capsys.readouterr().out == "hostmonitor: done\n" * 3


async def test_one_of_an_instance_is_that_of_both_who_watch_it(run: Run, state: Path) -> None:
    both = [Monitor(state, name) for name in ("instancemonitor", "introspectiveinstancemonitor")]
    async with running(*both):
        assert (
            await asyncio.to_thread(run, "silence", "add", "instance:u1", "--for", "90m", "--reason", "x")
            == 0
        )
    for one in both:
        ((wish,),) = (one.asked,)
        assert isinstance(wish.what, Add) and wish.what.target == "vm:u1"


async def test_one_monitor_that_does_not_run_is_not_missed(run: Run, state: Path) -> None:
    only = Monitor(state, "instancemonitor")
    async with running(only):
        assert await asyncio.to_thread(run, "silence", "add", "vm:u1", "--for", "1h", "--reason", "x") == 0


async def test_what_a_monitor_does_not_do_is_not_done(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = Monitor(state, "processmonitor", does=False)
    async with running(only):
        assert (
            await asyncio.to_thread(run, "silence", "add", "process:p", "--for", "1h", "--reason", "x") == 1
        )
        assert await asyncio.to_thread(run, "silence", "end", "s1") == 1
    assert capsys.readouterr().err == "processmonitor: no\n" * 2


async def test_a_program_hears_which_silence_it_may_end_and_what_was_not_done(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(wish: Wish) -> Answer:
        raise KeyError("a fault inside")

    both = Monitor(state, "instancemonitor"), Monitor(state, "introspectiveinstancemonitor", does=False)
    fails = Monitor(state, "processmonitor")
    adding = ("add", "vm:u1", "process:p", "host:a", "--for", "1h", "--reason", "x", "--json")
    async with running(*both), control.serve(do, FakeClock(), fails.path, fail):
        assert await asyncio.to_thread(run, "silence", *adding) == 4
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert await asyncio.to_thread(run, "silence", "end", "s7", "--json") == 4
        ended = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    vm, no = {"monitor": "instancemonitor", "target": "vm:u1"}, "introspectiveinstancemonitor"
    assert told[:2] == [
        {**vm, "silence": "s7", "done": True, "said": "instancemonitor: done"},
        {**vm, "monitor": no, "done": False, "said": f"{no}: no"},
    ]
    whose = [(one["monitor"], one["target"], one["done"]) for one in told[2:]]
    assert whose == [("processmonitor", "process:p", None), (None, "host:a", False)]
    assert [(one["monitor"], one["silence"], one["done"]) for one in ended] == [
        ("instancemonitor", "s7", True),
        ("processmonitor", "s7", None),
    ]


def test_where_no_monitor_runs_nothing_is_silenced(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("silence", "add", "host:a", "--for", "1h", "--reason", "x") == 3
    assert "hostmonitor does not run here" in capsys.readouterr().err
    assert run("silence", "end", "s1") == 3
    assert run("silence", "list") == 3
    assert "No monitor runs here that could tell" in capsys.readouterr().err


async def test_one_that_was_killed_is_not_passed_over_in_a_list(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(str(state / "hostmonitor.sock"))
    assert run("silence", "list") == 3
    told = capsys.readouterr().err
    assert (
        "hostmonitor is dead" in told and "holds again when it runs" in told and "No monitor runs" not in told
    )
    show = contextlib.asynccontextmanager(shown)
    async with show(state, "processmonitor", {}):
        assert await asyncio.to_thread(run, "silence", "list") == 4, "that is not all"


async def test_one_that_knows_it_ends_it(run: Run, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    knows, other = Monitor(state, "instancemonitor"), Monitor(state, "hostmonitor", does=False)
    async with running(knows, other):
        assert await asyncio.to_thread(run, "silence", "end", "silence:s1", "--reason", "early") == 0
    assert [(one.what, one.why) for one in knows.asked] == [(End("s1"), "early")]
    assert capsys.readouterr() == ("instancemonitor: done\n", "")


async def test_one_that_gives_no_answer_may_hold_it_still(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(wish: Wish) -> Answer:
        raise KeyError("a fault inside")

    knows, fails = Monitor(state, "processmonitor"), Monitor(state, "hostmonitor")
    async with running(knows), control.serve(do, FakeClock(), fails.path, fail):
        assert await asyncio.to_thread(run, "silence", "end", "s1") == 4
    told = capsys.readouterr()
    assert told.out == "processmonitor: done\n" and "hostmonitor at" in told.err


@pytest.mark.parametrize(
    "words",
    [
        ("add", "node05", "--for", "1h", "--reason", "x"),
        ("add", "host:", "--for", "1h", "--reason", "x"),
        ("add", "host:a", "--for", "1 week", "--reason", "x"),
        ("add", "host:a", "--for", "9" * 20 + "d", "--reason", "x"),
        ("add", "host:a", "--until", "tomorrow", "--reason", "x"),
        ("add", "host:a", "--for", "1h", "--until", "2026-11-22T08:00Z", "--reason", "x"),
        ("add", "host:a", "--for", "1h"),
        ("add", "host:a", "--reason", "x"),
        ("end",),
    ],
)
def test_what_makes_no_sense_is_a_wrong_argument(run: Run, words: tuple[str, ...]) -> None:
    try:
        code: Any = run("silence", *words)
    except SystemExit as end:
        code = end.code
    assert code == 2


async def shown(state: Path, name: str, document: dict[str, Any]) -> AsyncIterator[None]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps({"monitor": name, **document}).encode())
        writer.close()

    async with await asyncio.start_unix_server(answer, state / f"{name}.sock"):
        yield


async def test_those_that_hold_are_listed(run: Run, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = {**as_json(silence("s1", EPOCH)), "ends": "2026-01-01T01:00:00+00:00"}
    show = contextlib.asynccontextmanager(shown)
    async with show(state, "hostmonitor", {"silences": [one]}), show(state, "processmonitor", {}):
        assert await asyncio.to_thread(run, "silence") == 0
        assert capsys.readouterr().out == (
            "s1\thost:node05\t2026-01-01T01:00:00.000Z\thostmonitor\talice\tnew firmware\n"
        )
        assert await asyncio.to_thread(run, "silence", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {**one, "monitor": "hostmonitor"}


async def test_a_monitor_that_cannot_be_asked_is_said(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no JSON")
        writer.close()

    async with await asyncio.start_unix_server(answer, state / "hostmonitor.sock"):
        assert await asyncio.to_thread(run, "silence", "list") == 4
    assert "hostmonitor answers what makes no sense" in capsys.readouterr().err


async def test_one_that_runs_with_another_configuration_is_not_said_to_be_away(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show = contextlib.asynccontextmanager(shown)
    async with show(state, "processmonitor", {"outbox": {"where": "/srv/processmonitor.sqlite"}}):
        code = await asyncio.to_thread(
            run, "silence", "add", "process:x", "--for", "1h", "--reason", "because"
        )
    said = capsys.readouterr().err
    assert (code, "does not run" in said) == (4, False)
    assert "processmonitor runs, and keeps its reports in /srv" in said


async def test_that_nothing_is_silenced_is_said_to_people(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence_command, "Writer", lambda: Writer(sys.stdout, 80))
    show = contextlib.asynccontextmanager(shown)
    async with show(state, "processmonitor", {}):
        assert await asyncio.to_thread(run, "silence") == 0
    assert capsys.readouterr().out == "Nothing is silenced.\n"
