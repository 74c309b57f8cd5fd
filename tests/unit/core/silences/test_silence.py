"""One silence: whom it is of, how copies of it make one, and what is read of what others wrote."""

import datetime
import json
import random
from dataclasses import replace

import pytest

from masakarimonitors.core.silences.silence import (
    FURTHEST,
    MOST_KNOWN,
    TABLE,
    Fact,
    Silence,
    Stage,
    as_json,
    fault_of,
    from_json,
    is_far,
    is_past,
    joined,
    lacks,
    matches,
    merged,
    read,
    read_all,
    write,
)

NOW = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
ONE = Silence(
    key="s1", target="host:node05", made=NOW, until=NOW + HOUR, author="alice", reason="new firmware"
)
ENDED = replace(ONE, ended=NOW + HOUR / 2, ended_by="bob")


def test_every_pair_stands_in_the_table() -> None:
    assert TABLE.keys() == {(stage, fact) for stage in Stage for fact in Fact}


def test_what_does_not_hold_never_holds_again() -> None:
    gone = {Stage.ENDED, Stage.OVER}
    assert {then for (stage, _), (then, _) in TABLE.items() if stage in gone} == gone
    assert [act for (stage, _), (_, act) in TABLE.items() if stage in gone and act] == []


@pytest.mark.parametrize(
    ("name", "pattern", "fits"),
    [
        ("node05", "node05", True),
        ("node05", "node0", False),
        ("node05", "node0?", True),
        ("node05", "node*", True),
        ("node05", "*", True),
        ("", "*", True),
        ("", "", True),
        ("", "?", False),
        ("node05", "*5", True),
        ("node05", "*4", False),
        ("node05", "n*d*5", True),
        ("aXbXc", "a*b*c", True),
        ("aab", "*ab", True),
        ("node05", "node05*", True),
        ("node05", "**", True),
        ("node05", "[n]ode05", False),
    ],
)
def test_what_fits_a_name(name: str, pattern: str, fits: bool) -> None:
    assert matches(name, pattern) is fits


def test_no_name_makes_it_try_for_ever() -> None:
    assert not matches("a" * 300, "*a" * 100 + "b")


@pytest.mark.parametrize(
    ("target", "subject", "covered"),
    [
        ("all", "host:node05", True),
        ("all", "process:nova-compute", False),
        ("all", "vm:1", False),
        ("host:NODE05", "host:node05", True),
        ("host:node05", "vm:node05", False),
        ("domain:rack1", "host:node05", True),
        ("domain:rack2", "host:node05", False),
        ("domain:rack1", "process:rack1", False),
        ("process:nova-compute", "process:/usr/bin/nova-compute", True),
        ("process:/usr/bin/nova-compute", "process:nova-compute", True),
        ("process:nova-compute", "process:nova-conductor", False),
        ("process:nova-*", "process:/usr/bin/nova-compute", True),
        ("process:/opt/it/*", "process:/opt/it/agent", True),
        # What follows the last slash says nothing by itself: all would be silenced.
        ("process:/opt/it/*", "process:nova-compute", False),
        ("process:/opt/it/*", "process:/usr/bin/nova-compute", False),
        ("process:/opt/it/agent", "process:/usr/bin/agent", False),
        ("vm:ab-*", "vm:AB-1", True),
    ],
)
def test_whom_it_is_of(target: str, subject: str, covered: bool) -> None:
    assert replace(ONE, target=target).covers(subject, "rack1") is covered


@pytest.mark.parametrize(
    "target", ["", "node05", "host:", "link:manage", "ALL", "host:a\nb", "host:" + "a" * 400]
)
def test_what_is_no_target(target: str) -> None:
    assert fault_of(target)
    with pytest.raises(ValueError, match="silence"):
        from_json({**as_json(ONE), "target": target})


def test_copies_make_one_in_whatever_order_they_are_heard() -> None:
    later = replace(ENDED, ended=NOW + HOUR / 3 * 2, ended_by="carol")
    copies = [ONE, ENDED, later]
    for _ in range(6):
        random.Random(_).shuffle(copies)
        assert merged(copies) == {"s1": ENDED}
    assert joined(ONE, ONE) == ONE


def test_what_a_store_lacks() -> None:
    assert not lacks([ONE], [ONE]) and not lacks([ENDED], [ONE]) and not lacks([], [])
    assert lacks([], [ONE]) and lacks([ONE], [ENDED])


def test_it_is_kept_until_no_clock_could_take_it_for_running() -> None:
    assert not is_past(ENDED, NOW + HOUR * 1.9) and is_past(ENDED, NOW + HOUR * 2)


def test_one_until_the_last_day_that_there_is_harms_nobody_who_reads_it() -> None:
    end = datetime.datetime(9999, 12, 31, 23, 30, tzinfo=datetime.UTC)
    assert read_all(write([replace(ENDED, made=end - HOUR, until=end), ONE])) == ((ONE,), 1)


def test_one_of_a_clock_that_is_far_ahead_is_known_to_be_far() -> None:
    end = NOW + datetime.timedelta(days=3000 * 365)
    (found,) = read(write([replace(ENDED, made=end - HOUR, until=end)])) or ()
    assert not is_past(found, NOW) and is_far(found, NOW)


def test_no_silence_is_longer_than_a_month() -> None:
    assert read(write([replace(ONE, until=NOW + FURTHEST), replace(ONE, key="s2")])) is not None
    longer = replace(ONE, until=NOW + FURTHEST + HOUR)
    assert read(write([longer])) == () and is_far(longer, NOW) and not is_far(longer, NOW + HOUR)


def test_a_list_that_is_too_long_is_not_known_rather_than_cut_off() -> None:
    """What stands behind the cut could be the one that holds."""
    many = [replace(ONE, key=f"{n:08x}") for n in range(MOST_KNOWN + 1)]
    assert read(write(many)) is None and len(read(write(many[1:])) or ()) == MOST_KNOWN


def test_what_is_written_is_read() -> None:
    other = replace(ONE, key="s2", target="all")
    assert read(write([other, ENDED])) == (ENDED, other)
    assert read(write([])) == ()


@pytest.mark.parametrize("text", ["", "{}", "null", '"x"', "[" * 5000, b"\xff\xfe", "[NaN]"])
def test_what_is_no_list_is_not_known_and_not_empty(text: str | bytes) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": 7},
        {"target": "moon"},
        {"made": "2026-11-22T08:00:00"},
        {"until": "2026-11-22T07:00:00+00:00"},
        {"until": "99999-01-01T00:00:00+00:00"},
        {"until": None},
        {"made": "0001-01-01T00:00:00+14:00"},
        {"author": ["alice"]},
        {"ended": "soon"},
    ],
)
def test_of_several_what_makes_no_sense_is_left_out(change: dict[str, object]) -> None:
    good = replace(ONE, key="s2")
    assert read_all(json.dumps([{**as_json(ONE), **change}, 7, as_json(good)])) == ((good,), 2), "and counted"


def test_what_a_later_release_adds_is_read_over() -> None:
    assert from_json({**as_json(ENDED), "colour": "red"}) == ENDED


def test_what_others_wrote_cannot_move_a_cursor_nor_fill_a_screen() -> None:
    told = from_json({**as_json(ONE), "author": "a\x1b[2J", "reason": "x" * 9999})
    assert told.author == r"a\x1b[2J" and len(told.reason) < 600


def test_one_store_holds_the_most() -> None:
    assert len(write(replace(ONE, key=f"{n:08x}") for n in range(100))) < 64 * 1024


def test_who_has_ended_one_is_told_only_of_one_that_is_ended() -> None:
    silence = from_json({**as_json(ONE), "ended_by": "bob"})
    assert silence.ended_by == "" and from_json(as_json(silence)) == silence
