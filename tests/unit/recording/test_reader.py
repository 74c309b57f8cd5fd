"""A recording read again: damaged lines are named and skipped, and nothing is played without its beginning."""

import random
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.rehearsal.kinds import kinds
from masakarimonitors.recording.lines import OtherVersion
from masakarimonitors.recording.reader import MOST_TOLD, read
from tests.fixtures.tape import Tape, replay
from tests.unit.recording.test_recorder import busy

KINDS = kinds()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tape = Tape(tmp_path, KINDS)
    busy(tape, 50)
    tape.read()
    return tape.path


def test_a_damaged_line_is_named_and_what_follows_it_is_not_played(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3][:20] + b"\n"
    path.write_bytes(b"".join(lines))
    recording = read([path], KINDS)
    assert recording.damaged == 1 and f"{path}, line 4: it is damaged" in recording.remarks[0]
    assert [step.number for step in recording.segments[0].steps] == [1, 2]
    assert recording.left_out == len(lines) - 4 and "are left out" in recording.remarks[-1]
    assert replay(recording, KINDS).other == 0


def test_what_is_bent_at_random_is_never_played_wrongly(path: Path) -> None:
    whole = path.read_bytes()
    for seed in range(60):
        chance = random.Random(seed)
        bent = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(bent))
            bent[at : at + chance.randint(0, 40)] = chance.randbytes(chance.randint(0, 5))
        path.write_bytes(bent)
        try:
            recording = read([path], KINDS)
        except OtherVersion:
            continue
        assert recording.damaged or recording.segments
        replay(recording, KINDS)


def test_of_very_many_damaged_lines_the_first_are_named(path: Path) -> None:
    path.write_bytes(b"no line\n" * 100)
    recording = read([path], KINDS)
    assert (recording.damaged, len(recording.remarks), recording.segments) == (100, MOST_TOLD + 1, [])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ((b'"format":1', b'"format":9'), (b"", b""), "version 1.0 in format 9; this version reads format 1"),
        (
            (b'"shape":"', b'"shape":"0'),
            (b'"is":"Policy",', b'"is":"Policy","grown":1,'),
            "whose records are others than this version's, and this one cannot read them .*has grown",
        ),
        (
            (b'"shape":"', b'"shape":"0'),
            (b'"own":', b'"renamed":'),
            "whose records are others than this version's, and this one cannot read them",
        ),
    ],
)
def test_another_version_is_named_and_nothing_of_it_is_guessed(
    path: Path, old: tuple[bytes, bytes], new: tuple[bytes, bytes], said: str
) -> None:
    path.write_bytes(path.read_bytes().replace(*old, 1).replace(*new, 1))
    with pytest.raises(OtherVersion, match=said):
        read([path], KINDS)


def test_one_of_the_release_before_whose_records_have_only_grown_since_is_played_and_named(
    path: Path,
) -> None:
    """A new field that has a default must not make what was recorded of a failure useless."""
    whole = read([path], KINDS)
    path.write_bytes(path.read_bytes().replace(b'"shape":"', b'"shape":"0'))
    earlier = read([path], KINDS)
    (remark,) = earlier.remarks
    assert "version 1.0, whose records are others" in remark and "what this version assumes" in remark
    assert earlier.segments[0].steps == whole.segments[0].steps and not earlier.damaged
    assert replay(earlier, KINDS).other == 0
