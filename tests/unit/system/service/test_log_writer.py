"""The log on its thread: whatever becomes of who takes it, nobody waits, the order is kept, and losses are told."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from masakarimonitors.system.service.log_writer import Queued, Writer
from tests.fixtures.waiting import PATIENCE


class Taker(logging.Handler):
    """Takes lines, unless it hangs or refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.answers = threading.Event()
        self.answers.set()
        self.reached = threading.Event()
        self.fault: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.reached.set()
        assert self.answers.wait(PATIENCE)
        try:
            if self.fault is not None:
                raise self.fault
            self.lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - as the handlers of logging
            self.handleError(record)


class Log:
    """A logger of its own, with one taker behind a writer."""

    def __init__(self, lines: int = 4, characters: int = 1000) -> None:
        self.taker, self.writer = Taker(), Writer(lines, characters)
        self.writer.start()
        self.logger = logging.Logger("somewhere", logging.INFO)
        self.logger.addHandler(Queued(self.writer, [self.taker]))

    def hang(self) -> None:
        self.taker.answers.clear()
        self.taker.reached.clear()
        self.logger.info("hangs")
        assert self.taker.reached.wait(PATIENCE)


def test_lines_keep_their_order_and_what_they_said_when_they_were_logged() -> None:
    log = Log(lines=1000, characters=1 << 20)
    growing: list[int] = []
    log.hang()
    for number in range(100):
        growing.append(number)
        log.logger.info("%d of %s", number, growing)
    log.taker.answers.set()
    assert log.writer.finish(PATIENCE)
    assert log.taker.lines == ["hangs", *(f"{n} of {list(range(n + 1))}" for n in range(100))]
    assert log.writer.lost == 0


def test_who_hangs_costs_lines_and_no_time_and_they_are_told_once() -> None:
    log = Log(lines=4)
    log.hang()
    for number in range(10):
        log.logger.info("line %d", number)
    assert log.writer.lost == 7  # the one that hangs is kept, too
    assert not log.writer.finish(0.0)
    log.taker.answers.set()
    assert log.writer.finish(PATIENCE)
    assert log.taker.lines[:4] == ["hangs", "line 0", "line 1", "line 2"]
    (told,) = log.taker.lines[4:]
    assert told.startswith("7 lines of the log are lost")
    log.logger.info("after")
    assert log.writer.finish(PATIENCE) and log.taker.lines[5:] == ["after"]


def test_very_long_lines_are_bounded_as_well() -> None:
    log = Log(lines=1000, characters=100)
    log.hang()
    for _ in range(3):
        log.logger.info("x" * 40)
    assert log.writer.lost == 1
    log.taker.answers.set()


def test_a_full_disk_is_counted_and_told_and_no_traceback_for_each_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = Log(lines=100)
    log.taker.fault = OSError(28, "No space left on device")
    for _ in range(3):
        log.logger.info("lost")
    assert log.writer.finish(PATIENCE)
    assert log.writer.lost == 3 and log.taker.lines == []
    log.taker.fault = None
    log.logger.info("kept")
    assert log.writer.finish(PATIENCE)
    assert log.taker.lines[0] == "kept" and log.taker.lines[1].startswith("3 lines of the log are lost")
    assert "No space left on device" in log.taker.lines[1]
    assert capsys.readouterr().err == ""


def test_a_slip_in_a_call_is_still_shown(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    log.logger.info("%d", "no number")
    log.logger.info("fine")
    assert log.writer.finish(PATIENCE)
    assert log.taker.lines == ["fine"] and "Logging error" in capsys.readouterr().err


def test_a_traceback_and_the_words_of_a_plain_call_reach_the_formatter_as_they_are() -> None:
    log = Log()
    seen: list[logging.LogRecord] = []
    log.taker.format = lambda record: seen.append(record) or ""  # type: ignore[method-assign,func-returns-value]
    try:
        raise ValueError("a surprise")
    except ValueError:
        log.logger.exception("%s: %d", "words", 3)
    assert log.writer.finish(PATIENCE)
    (record,) = seen
    assert (record.msg, record.args) == ("%s: %d", ("words", 3))
    assert record.exc_info is not None and record.exc_info[0] is ValueError


def test_each_handler_has_its_own_level() -> None:
    writer, all_of_it, errors = Writer(), Taker(), Taker()
    errors.setLevel(logging.ERROR)
    writer.start()
    logger = logging.Logger("somewhere", logging.INFO)
    logger.addHandler(Queued(writer, [all_of_it, errors]))
    logger.info("small")
    logger.error("great")
    assert writer.finish(PATIENCE)
    assert (all_of_it.lines, errors.lines) == (["small", "great"], ["great"])


_SET_UP = """
import logging, os, sys
from masakarimonitors import conf
from masakarimonitors.conf import log
from masakarimonitors.cmd import runner
log.set_up(conf.load(sys.argv[1:], default_config_files=[], default_config_dirs=[]))
LOG = logging.getLogger("masakarimonitors.somewhere")
"""


def _ran(script: str, *argv: str, output: int | None = None) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _SET_UP + script, *argv],
        stdout=output,
        stderr=output,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode


def test_a_process_whose_output_nobody_takes_goes_on_and_ends(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    script = """
for number in range(6000):
    LOG.error("line %d", number)
open(sys.argv[-1], "w").write("went on")
runner.leave(7)
"""
    try:
        assert _ran(script, "--log-date-format", str(tmp_path / "went on"), output=writer) == 7
    finally:
        os.close(reader)
        os.close(writer)
    assert (tmp_path / "went on").read_text() == "went on"


def test_the_end_of_a_process_waits_for_what_is_queued(tmp_path: Path) -> None:
    script = """
for number in range(1000):
    LOG.info("line %d.", number)
runner.leave(0)
"""
    assert _ran(script, "--log-file", str(tmp_path / "log")) == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.rpartition("line ")[2] for line in lines] == [f"{number}." for number in range(1000)]


def test_a_process_that_is_forked_off_writes_for_itself(tmp_path: Path) -> None:
    script = """
pid = os.fork()
if not pid:
    LOG.info("said by a child")
    os._exit(0)
os.waitpid(pid, 0)
LOG.info("its parent")
runner.leave(0)
"""
    assert _ran(script, "--log-file", str(tmp_path / "log")) == 0
    text = (tmp_path / "log").read_text()
    assert [text.count(words) for words in ("said by a child", "its parent")] == [1, 1]


def test_a_process_that_ends_by_itself_has_written_all(tmp_path: Path) -> None:
    assert _ran("LOG.info('the last')", "--log-file", str(tmp_path / "log")) == 0
    assert "the last" in (tmp_path / "log").read_text()
