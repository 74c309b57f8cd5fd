"""What is asked at a monitor's sockets, what is answered there, and what stands in a journal."""

import asyncio
import datetime
import json
import os

from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.silences.wish import Wish
from masakarimonitors.journal import story
from masakarimonitors.journal.record import JournalRecord, from_line, to_line
from masakarimonitors.journal.story import Answer, Story
from masakarimonitors.outbox.by_hand import Act, Asked, Done
from masakarimonitors.outbox.control import heard, wished
from masakarimonitors.status.unix_socket import question_in
from tests.fuzz.driver import fuzzed, read_or_refused
from tests.fuzz.shapes import Json, any_text, bent_json, json_bytes

NOW = datetime.datetime(2026, 11, 27, 2, 10, tzinfo=datetime.UTC)
WISHES: tuple[Json, ...] = (
    {"act": "drop", "row": 17, "who": "alice", "why": "planned"},
    {"act": "retry", "row": 1, "who": "", "why": ""},
    {"act": "silence", "target": "host:a", "until": "2026-11-27T03:00:00+00:00", "who": "b", "why": "c"},
    {"act": "unsilence", "id": "1-2", "who": "b", "why": "c"},
)
QUESTIONS: tuple[Json, ...] = ({"explain": ["host:node05", "vm:1"]}, {"explain": []}, {"grid": True}, {})
LINES: tuple[Json, ...] = (
    {
        "kind": "verdict",
        "at": "2026-11-27T02:00:00+00:00",
        "monitor": "hostmonitor",
        "subject": "host:node05",
        "ruling": "reported",
        "why": "so",
        "alarm": True,
        "report": 7,
    },
    {"kind": "made", "at": "2026-11-27T02:00:01+00:00", "monitor": "hostmonitor", "subject": "host:node05"},
    {"kind": "ended", "at": "0001-01-01T00:00:00+14:00", "monitor": "m", "status": "delivered", "report": 7},
    {"kind": "followed", "at": "9999-12-31T23:59:59-12:00", "monitor": "m", "uuid": "u", "word": "finished"},
    {"kind": "lost", "at": "2026-11-27T02:00:02+00:00", "monitor": "m", "word": "12"},
)
GATE: Json = {
    "gate": "no storm",
    "passage": "holds",
    "why": "x",
    "reason": "r",
    "release": "y",
    "until": "2026-11-27T03:00:00+00:00",
}
TOLD: tuple[Json, ...] = (
    {
        "subject": "host:node05",
        "standing": "held",
        "why": "so",
        "since": "2026-11-27T01:00:00+00:00",
        "by_maintenance": True,
        "gates": [GATE],
        "waiting": [{"report": 7, "why": "so", "tries": 2, "gates": [GATE]}],
        "delivered": [{"state": "stuck", "detail": "d", "alarm": True}],
    },
    {"subject": "host:node05", "standing": "off", "since": "0001-01-01T00:00:00+14:00"},
    {"subject": "host:node05", "waiting": [{"report": 7}], "delivered": []},
)


def bent_bytes(samples: tuple[Json, ...]) -> st.SearchStrategy[bytes]:
    return st.one_of(
        bent_json(samples).map(json_bytes), any_text.map(lambda t: t.encode("utf-8", "surrogatepass"))
    )


@fuzzed(4)
@given(words=bent_bytes(WISHES))
def test_any_wish_is_understood_or_refused(words: bytes) -> None:
    heard_of: list[Asked] = []

    async def do(asked: Asked) -> Done:
        heard_of.append(asked)
        return Done(True, "")

    wish = read_or_refused(lambda: wished(words, os.geteuid()))
    if isinstance(wish, Wish):
        assert wish.who.isprintable() and wish.why.isprintable()
    answer = read_or_refused(lambda: asyncio.run(heard(words, os.geteuid(), do)))
    assert answer is not None
    for asked in heard_of:
        assert isinstance(asked.act, Act) and isinstance(asked.row, int)
        assert asked.who.isprintable() and asked.why.isprintable()
    assert bool(heard_of) is answer.done


@fuzzed(4)
@given(words=bent_bytes(WISHES), uid=st.integers(1, 1 << 31).filter(lambda uid: uid != os.geteuid()))
def test_nobody_else_is_heard(words: bytes, uid: int) -> None:
    async def do(asked: Asked) -> Done:
        raise AssertionError(asked)

    answer = read_or_refused(lambda: asyncio.run(heard(words, uid, do)))
    assert answer is not None and not answer.done
    assert not isinstance(read_or_refused(lambda: wished(words, uid)), Wish)


@fuzzed()
@given(words=bent_bytes(QUESTIONS))
def test_any_question_is_read_or_is_for_the_status(words: bytes) -> None:
    assert isinstance(read_or_refused(lambda: question_in(words)), dict)


@fuzzed()
@given(line=bent_bytes(LINES))
def test_any_line_is_a_record_or_none(line: bytes) -> None:
    record = read_or_refused(lambda: from_line(line))
    if record is not None:
        assert from_line(to_line(record)) is not None


def records(lines: list[bytes]) -> list[JournalRecord]:
    return [record for line in lines if (record := from_line(line)) is not None]


@fuzzed(2)
@given(
    lines=st.lists(bent_json(LINES).map(json_bytes), max_size=6),
    told=st.lists(bent_json(TOLD), max_size=2),
    report=st.sampled_from([None, 7]),
)
def test_any_records_and_any_answers_can_be_told(
    lines: list[bytes], told: list[Json], report: int | None
) -> None:
    answers = [Answer(monitor="m", at=None, explained=one) for one in told if isinstance(one, dict)]
    whole = Story(subject="host:node05", now=NOW, told=answers, past=records(lines), report=report)

    def tell() -> None:
        story.first_line(whole)
        list(story.lines(whole))
        json.dumps(story.as_json(whole))

    read_or_refused(tell)
