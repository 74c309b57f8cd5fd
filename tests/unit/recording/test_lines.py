"""The lines: a long one is packed, and a bomb is not unpacked."""

import base64
import json
import zlib

import pytest

from masakarimonitors.core.rehearsal.written import Unreadable
from masakarimonitors.hostmonitor.core.rehearsal.kinds import kinds
from masakarimonitors.recording import lines
from masakarimonitors.recording.lines import read_line, step_line
from tests.fixtures.host_play import Play, policy

KINDS = kinds()


def test_a_long_line_is_packed_and_comes_back() -> None:
    play = Play(policy()).all_up(*(f"node{number:04}" for number in range(500)))
    begun = lines.Begun(
        version="1",
        monitor="hostmonitor",
        life="x",
        number=1,
        at=play.now,
        rules=play.rules,
        state=play.state,
    )
    line = lines.begun_line(begun, KINDS.words)
    assert b"node" not in line and len(line) < 40_000
    assert read_line(line, KINDS) == begun


@pytest.mark.parametrize(
    "told",
    [
        [],
        {},
        {"kind": "other"},
        {"kind": "step", "number": "1"},
        {"kind": "step", "packed": "~~~"},
        {"kind": "step", "packed": base64.b85encode(b"no zip").decode()},
        {"kind": "step", "packed": base64.b85encode(zlib.compress(b"[]")).decode()},
        {"kind": "step", "number": True, "at": {}, "seen": {}},
        {"kind": "step", "number": 1, "at": 5, "seen": {}},
    ],
)
def test_what_makes_no_sense_is_refused(told: object) -> None:
    with pytest.raises(Unreadable):
        read_line(json.dumps(told).encode(), KINDS)


def test_what_would_fill_all_memory_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST", 1000)
    bomb = base64.b85encode(zlib.compress(b" " * 100_000)).decode()
    with pytest.raises(Unreadable, match="far too long"):
        read_line(json.dumps({"kind": "step", "packed": bomb}).encode(), KINDS)


def test_a_decision_that_failed_has_no_digest() -> None:
    play = Play(policy())
    one = read_line(step_line(1, play.now, _view(play), None, KINDS.words), KINDS)
    assert isinstance(one, lines.Stepped) and one.decided == ""


def _view(play: Play) -> object:
    from masakarimonitors.hostmonitor.core.observation import View

    return View(link="tenant", proven=True, why="x", at=play.now)
