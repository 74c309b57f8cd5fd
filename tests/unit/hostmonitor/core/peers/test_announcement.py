"""What stands where all read it, and what is made of it when anybody may have written there."""

import datetime
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.peers.announcement import (
    LARGEST,
    OPTIONS,
    Announcement,
    Part,
    Says,
    decode,
    digests,
    encode,
    named,
)
from masakarimonitors.hostmonitor.core.state import Policy, ProofPolicy
from masakarimonitors.status.health import Level

AT = datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.UTC)
POLICY = Policy(own="node01", matrix=matrix.single("cluster"))
SAID = Announcement(
    node="node01",
    version="21.0",
    started=AT,
    told=AT,
    rules=digests("consul", POLICY),
    reporter="node02",
    health=Says.BLIND,
    blind=("link:storage",),
    more=2,
    pending=3,
    oldest=AT,
)


def test_what_is_said_is_read_again() -> None:
    assert decode("node01", encode(SAID)) == SAID
    bare = Announcement(node="node01", version="21.0", started=AT, told=AT, reports=True)
    assert decode("node01", encode(bare)) == bare


def test_the_words_of_health_are_those_of_the_status() -> None:
    assert [one.value for one in Says] == [one.value for one in Level]


def test_the_longest_that_is_said_is_read() -> None:
    blind, more = named(["link:" + "x" * 500] * 40)
    assert more == 32
    long = replace(SAID, node="n" * 253, version="v" * 64, reporter="r" * 64, blind=blind, more=more)
    assert len(encode(long)) <= LARGEST and decode(long.node, encode(long)) == replace(
        long, blind=tuple(one[:64] + "..." for one in blind)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"node": "node02"},
        {"node": None},
        {"version": 21},
        {"version": None},
        {"told": "now"},
        {"told": -1},
        {"told": True},
        {"told": 1e300},
        {"told": 1 << 60},
        {"started": None},
        {"health": "splendid"},
        {"health": []},
        {"pending": -1},
        {"pending": True},
        {"pending": 10**18},
        {"oldest": "long ago"},
        {"reporter": {}},
        {"blind": [1]},
    ],
)
def test_what_makes_no_sense_is_nobodys_word(changes: dict[str, Any]) -> None:
    fields = json.loads(encode(SAID)) | changes
    assert decode("node01", json.dumps(fields).encode()) is None


@pytest.mark.parametrize(
    "value",
    [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 3000, b'{"node": NaN}', encode(SAID) + b" " * LARGEST],
)
def test_what_is_no_word_at_all_breaks_nothing(value: bytes) -> None:
    assert decode("node01", value) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_anything(value: bytes) -> None:
    decode("node01", value)


def test_what_is_shown_of_it_is_printable_and_short() -> None:
    fields = json.loads(encode(SAID)) | {
        "version": "\x1b[2J" * 30,
        "reporter": "a\nb",
        "blind": ["\u202e"] * 50,
        "rules": {"matrix": 5, "storms": "a" * 500, "later": "x"},
    }
    said = decode("node01", json.dumps(fields).encode())
    assert said is not None and said.version.isprintable() and len(said.version) < 70
    assert said.reporter == r"a\nb" and said.blind == (r"\u202e",) * 8
    assert said.rules == {Part.STORMS: "a" * 10}


def test_digests_of_another_scheme_are_compared_with_nothing() -> None:
    fields = json.loads(encode(SAID)) | {"scheme": 2, "further": ["what is not known here"]}
    assert decode("node01", json.dumps(fields).encode()) == replace(SAID, rules={})


@pytest.mark.parametrize(
    "part, changes",
    [
        (Part.MATRIX, {"matrix": matrix.default(["manage", "storage"])}),
        (Part.SAMPLES, {"samples": 3}),
        (Part.SETTLING, {"settle": 5.0}),
        (Part.PROOF, {"proof": ProofPolicy()}),
        (Part.REPORTER, {"elected": True}),
        (Part.SEGMENTS, {"lookup": False}),
        (Part.STORMS, {"guard": GuardPolicy(threshold=10)}),
        (Part.DOMAINS, {"domains": {"node01": "rack1"}}),
        (Part.SILENCES, {"longest_silence": 60.0}),
    ],
)
def test_each_part_of_the_rules_has_its_digest(part: Part, changes: dict[str, Any]) -> None:
    before, after = digests("consul", POLICY), digests("consul", replace(POLICY, **changes))
    assert {one for one in Part if before[one] != after[one]} == {part}


def test_hosts_of_one_configuration_have_one_digest_and_each_part_its_options() -> None:
    assert digests("consul", POLICY) == digests("consul", replace(POLICY, own="node02"))
    assert digests("consul", POLICY)[Part.DRIVER] != digests("kubernetes", POLICY)[Part.DRIVER]
    assert set(OPTIONS) == set(Part) == set(digests("consul", POLICY))


def test_the_manual_names_each_option_that_is_compared() -> None:
    manual = (Path(__file__).parents[5] / "docs" / "operating.rst").read_text()
    for part, options in OPTIONS.items():
        assert f"\n{part.value} " in manual
        assert all(option in manual for option in options)
