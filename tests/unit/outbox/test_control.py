"""The socket for wishes about single reports: who is heard, and what is understood."""

import asyncio
import datetime
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors.core.silences.wish import Add, Answer, End, Wish
from masakarimonitors.outbox import control
from masakarimonitors.outbox.by_hand import Act, Asked, Done
from masakarimonitors.status import unix_socket
from tests.fixtures.fake_clock import FakeClock

OWN = os.geteuid()


class Doer:
    def __init__(self) -> None:
        self.asked: list[Asked] = []

    async def do(self, asked: Asked) -> Done:
        self.asked.append(asked)
        return Done(True, "It is done.")


async def test_what_is_asked_is_done_and_answered(tmp_path: Path) -> None:
    path, doer = control.place(tmp_path / "hostmonitor.sqlite"), Doer()
    assert path.name == "hostmonitor.control"
    wish = Asked(act=Act.DROP, row=7, who="alice", why="scrapped")
    async with control.serve(doer.do, FakeClock(), path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await asyncio.to_thread(control.ask, path, wish) == Done(True, "It is done.")
    assert doer.asked == [Asked(act=Act.DROP, row=7, who=f"uid {os.getuid()} (alice)", why="scrapped")]
    assert not path.exists()


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"\n",
        b"[]",
        b"{}",
        b'{"act": "drop"}',
        b'{"act": "drop", "row": "7"}',
        b'{"act": "burn", "row": 7}',
        b"[" * 50_000,
        b"\xff\xfe",
    ],
)
async def test_what_makes_no_sense_changes_nothing(words: bytes) -> None:
    doer = Doer()
    done = await control.heard(words, OWN, doer.do)
    assert not done.done and "does not understand" in done.said and doer.asked == []


async def test_another_user_is_not_heard() -> None:
    doer = Doer()
    words = json.dumps({"act": "drop", "row": 7}).encode()
    done = await control.heard(words, 4711, doer.do)
    assert not done.done and "uid 4711 may not" in done.said and doer.asked == []
    assert (await control.heard(words, 0, doer.do)).done, "root may"


async def test_names_and_reasons_are_printable_and_short() -> None:
    doer = Doer()
    words = json.dumps({"act": "drop", "row": 7, "who": "a\x1b[2J", "why": "b" * 9999}).encode()
    await control.heard(words, OWN, doer.do)
    (asked,) = doer.asked
    assert r"a\x1b[2J" in asked.who and len(asked.why) < 600


async def test_a_line_without_end_is_not_waited_for_in_memory(tmp_path: Path) -> None:
    path, doer = tmp_path / "hostmonitor.control", Doer()
    async with control.serve(doer.do, FakeClock(), path):
        with pytest.raises((OSError, ValueError)):
            await asyncio.to_thread(unix_socket.exchange, path, b"x" * 1_000_000)
    assert doer.asked == []


async def test_who_asks_is_not_kept_waiting_for_a_fault_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(asked: Asked) -> Done:
        raise KeyError("a fault inside")

    monkeypatch.setattr(unix_socket, "PATIENCE", 1.0)
    path = tmp_path / "hostmonitor.control"
    async with control.serve(fail, FakeClock(), path):
        with pytest.raises(ValueError):  # it is closed, and nothing was said
            await asyncio.to_thread(control.ask, path, Asked(act=Act.RETRY, row=1, who="x"))
    assert "by a fault of this program" in caplog.text


async def test_an_answer_that_makes_no_sense_is_none(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"done": true}')
        writer.close()

    path = tmp_path / "hostmonitor.control"
    async with await asyncio.start_unix_server(answer, path):
        with pytest.raises(ValueError, match="is no answer"):
            await asyncio.to_thread(control.ask, path, Asked(act=Act.RETRY, row=1, who="x"))


UNTIL = datetime.datetime(2026, 11, 22, 8, tzinfo=datetime.UTC)


class Silencer:
    def __init__(self) -> None:
        self.asked: list[Wish] = []

    async def ask(self, wish: Wish) -> Answer:
        self.asked.append(wish)
        return Answer(True, "It is silent.")


async def test_a_wish_for_silence_is_done_and_answered(tmp_path: Path) -> None:
    path, silencer = tmp_path / "hostmonitor.control", Silencer()
    add = Wish(what=Add(target="host:node05", until=UNTIL), who="alice", why="firmware")
    end = Wish(what=End("s1"), who="alice")
    async with control.serve(Doer().do, FakeClock(), path, silencer.ask):
        for wish in (add, end):
            assert await asyncio.to_thread(control.wish, path, wish) == Done(True, "It is silent.")
    who = f"uid {os.getuid()} (alice)"
    assert silencer.asked == [replace(add, who=who), replace(end, who=who)]


async def test_where_nothing_can_be_silenced_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "hostmonitor.control"
    async with control.serve(Doer().do, FakeClock(), path):
        done = await asyncio.to_thread(control.wish, path, Wish(what=End("s1"), who="alice"))
    assert not done.done and "cannot be silenced" in done.said


@pytest.mark.parametrize(
    "words", [b"", b"[]", b'{"act": "drop", "row": 7}', b"[" * 50_000, b"\xff", b'{"act": "Silence"}']
)
def test_what_is_no_wish_for_silence_is_none(words: bytes) -> None:
    assert control.wished(words, OWN) is None


@pytest.mark.parametrize("until", ["soon", "2026-11-22T08:00", None, "0001-01-01T00:00+14:00"])
def test_until_when_must_be_known(until: str | None) -> None:
    wish = control.wished(json.dumps({"act": "silence", "target": "all", "until": until}).encode(), OWN)
    assert isinstance(wish, Done) and not wish.done and "until when" in wish.said


def test_another_user_silences_nothing() -> None:
    words = json.dumps({"act": "unsilence", "id": "s1"}).encode()
    wish = control.wished(words, 4711)
    assert isinstance(wish, Done) and "uid 4711 may not silence" in wish.said
    assert isinstance(control.wished(words, 0), Wish), "root may"
