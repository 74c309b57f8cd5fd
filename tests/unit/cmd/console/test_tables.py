"""Rows are whole, whoever reads them: on a narrow terminal, and through a pipe."""

import datetime
import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from masakarimonitors.cmd.console import tables
from masakarimonitors.cmd.console.tables import Column, Writer, whole
from tests.fixtures.waiting import PATIENCE

UUID = "8b0f3d1e-6c1b-4d07-9b0e-0f8a3f1f2c11"
AT = "2026-11-22T08:05:00.123456+00:00"
COLUMNS = (tables.time("at"), whole("subject"), whole("ruling"), Column("why"), Column("evidence"))
ROW = {
    "at": AT,
    "subject": f"vm:{UUID}",
    "ruling": "reported",
    "why": f"the instance {UUID} has died on this host, " + "and nobody knows why " * 5,
    "evidence": "",
}


def written(width: int, *rows: dict[str, str], of: tuple[str, ...] = ()) -> str:
    there = io.StringIO()
    Writer(there, width).rows("Verdicts", COLUMNS, rows, of=of)
    return there.getvalue()


def plain(text: str) -> str:
    for style in ("\x1b[31m", "\x1b[1m", "\x1b[0m"):
        text = text.replace(style, "")
    return text


def test_a_program_reads_one_row_a_line_with_nothing_cut() -> None:
    (line,) = written(0, ROW, of=("instancemonitor", "verdict")).splitlines()
    cells = line.split("\t")
    assert cells[:5] == ["instancemonitor", "verdict", "2026-11-22T08:05:00.123Z", f"vm:{UUID}", "reported"]
    assert cells[5] == ROW["why"] and cells[6] == ""


@pytest.mark.parametrize("width", [40, 80, 132, 400])
def test_on_a_terminal_no_name_no_time_and_no_id_is_cut(width: int) -> None:
    lines = plain(written(width, ROW)).splitlines()
    for name in (f"vm:{UUID}", UUID, "2026-11-22 08:05:00", "reported"):
        assert any(name in line for line in lines), name
    longest = max(len(line) for line in lines)
    assert longest <= max(width, len(f"  vm:{UUID}")), (
        "nothing runs over but a name that is longer than the terminal"
    )
    assert "UTC" in "\n".join(lines)


def test_what_fits_stands_in_a_table_with_heads() -> None:
    small = {"at": AT, "subject": "host:a", "ruling": "held", "why": "a storm", "evidence": ""}
    _, title, head, line = plain(written(80, small)).splitlines()
    assert title == "Verdicts"
    assert head.split("  ")[0] == "at (UTC)" and "evidence" in head
    assert line.split() == ["2026-11-22", "08:05:00", "host:a", "held", "a", "storm"]


def test_of_no_rows_nothing_is_said() -> None:
    assert written(80) == written(0) == ""


def test_what_a_stranger_wrote_stays_in_its_cell() -> None:
    hostile = {**ROW, "subject": "a\tb\nc\x1b[2J"}
    assert len(written(0, hostile).splitlines()) == 1
    assert r"a\tb\nc\x1b[2J" in written(0, hostile)
    assert r"a\tb\nc\x1b[2J" in plain(written(80, hostile))


def test_words_are_broken_between_words() -> None:
    there = io.StringIO()
    Writer(there, 40).line(f"it waits for {UUID} since a long time now, and for that alone")
    lines = there.getvalue().splitlines()
    assert UUID in " ".join(lines) and all(len(line) <= 40 for line in lines)
    assert any(UUID in line for line in lines)


def test_an_alarm_is_red_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for width, red in ((80, True), (0, False)):
        there = io.StringIO()
        Writer(there, width).rows("", COLUMNS, [ROW], alarm=lambda row: True)
        assert ("\x1b[31m" in there.getvalue()) is red
    monkeypatch.setenv("NO_COLOR", "1")
    there = io.StringIO()
    Writer(there, 80).rows("", COLUMNS, [ROW], alarm=lambda row: True)
    assert "\x1b" not in there.getvalue()


def test_times_of_any_zone_are_shown_in_utc() -> None:
    when = datetime.datetime.fromisoformat("2026-11-22T10:05:00+02:00")
    assert tables.for_people(when) == "2026-11-22 08:05:00"
    assert tables.for_programs(when) == "2026-11-22T08:05:00.000Z"


SCRIPT = """
from masakarimonitors.cmd.console.tables import Writer, Column, time, whole
Writer().rows("Verdicts", (time("at"), whole("subject"), Column("why")), [{"at": "2026-11-22T08:05:00+00:00",
    "subject": "vm:8b0f3d1e-6c1b-4d07-9b0e-0f8a3f1f2c11", "why": "it has died on this host, and nobody knows why"}])
"""


def test_a_real_terminal_of_80_columns_is_known_as_one() -> None:
    reader, terminal = pty.openpty()
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        environ = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
        environ["PYTHONPATH"] = os.pathsep.join(sys.path)
        subprocess.run(
            [sys.executable, "-c", SCRIPT], stdout=terminal, env=environ, timeout=PATIENCE, check=True
        )
        said = plain(os.read(reader, 10_000).decode()).split("\r\n")
    finally:
        os.close(reader)
        os.close(terminal)
    assert "2026-11-22 08:05:00 UTC  vm:8b0f3d1e-6c1b-4d07-9b0e-0f8a3f1f2c11" in said
    assert "    why: it has died on this host, and nobody knows why" in said
