"""A line of the log is what was logged: nothing in it moves a cursor or looks like a further line."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from masakarimonitors.conf.log_lines import Escaping, escape_all
from tests.fixtures.waiting import PATIENCE
from tests.unit.conf.test_log import run as log_with

HOSTILE = "down\r\n2026-11-26 CRITICAL forged \x1b[2J"
SHOWN = r"down\r\n2026-11-26 CRITICAL forged \x1b[2J"


def record(message: str = "%s", *values: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("a.logger", logging.ERROR, __file__, 1, message, values, None)
    made.__dict__.update(more)
    return made


def raised(words: str) -> object:
    try:
        raise ValueError(words)
    except ValueError:
        return sys.exc_info()


def formatted(made: logging.LogRecord, fmt: str = "%(levelname)s %(message)s") -> str:
    return Escaping(logging.Formatter(fmt)).format(made)


def test_what_a_stranger_wrote_stays_on_its_line() -> None:
    assert formatted(record("%s is %r", HOSTILE, 3)) == f"ERROR {SHOWN} is 3"


def test_nothing_that_looks_like_a_secret_is_logged() -> None:
    made = record("running %s", "start --password geheim", exc_info=raised("http://me:geheim@host refused"))
    told = formatted(made)
    assert "geheim" not in told and "--password ***" in told and "http://***@host" in told


def test_a_record_is_left_as_it_was_for_other_handlers() -> None:
    made = record("%s", HOSTILE)
    formatted(made)
    assert made.getMessage() == HOSTILE and made.args == (HOSTILE,) and made.exc_text is None
    assert made.message == SHOWN


def test_a_traceback_keeps_its_lines_and_an_exception_gets_one() -> None:
    lines = formatted(record("it broke", exc_info=raised(HOSTILE))).splitlines()
    assert lines[:2] == ["ERROR it broke", "Traceback (most recent call last):"]
    assert lines[2].startswith('  File "') and lines[-1] == f"ValueError: {SHOWN}"


def test_a_stack_keeps_its_lines() -> None:
    assert formatted(record("here", stack_info="Stack:\n  File x")) == "ERROR here\nStack:\n  File x"


@pytest.mark.parametrize("fmt", ["%(name)s\t%(message)s", "%(name)s\n%(message)s"])
def test_an_operator_s_own_format_is_kept(fmt: str) -> None:
    assert formatted(record("%s", HOSTILE), fmt) == fmt % {"name": "a.logger", "message": SHOWN}


def test_a_message_that_does_not_fit_its_values_is_the_formatter_s_to_report() -> None:
    with pytest.raises(TypeError):
        formatted(record("%s %s", "one"))


def test_colours_are_those_of_the_formatter() -> None:
    shown = formatted(record("%s", HOSTILE, color="\x1b[31m"), "%(color)s%(message)s\x1b[0m")
    assert shown == f"\x1b[31m{SHOWN}\x1b[0m"


def test_each_handler_is_made_to_write_so_once() -> None:
    logger, handler = logging.getLogger("tests.log_lines"), logging.StreamHandler()
    logger.addHandler(handler)
    others = [(one, one.formatter) for one in logging.getLogger().handlers]
    try:
        escape_all()
        first = handler.formatter
        escape_all()
        assert isinstance(first, Escaping) and handler.formatter is first
        assert handler.format(record("%s", HOSTILE)) == SHOWN
    finally:
        logger.removeHandler(handler)
        for other, formatter in others:
            other.setFormatter(formatter)


SCRIPT = f"""
import logging, sys
from masakarimonitors import conf
from masakarimonitors.conf import log
log.set_up(conf.load(sys.argv[1:], default_config_files=[], default_config_dirs=[]))
log = logging.getLogger("masakarimonitors.somewhere")
log.info("it says: %s", {HOSTILE!r})
try:
    raise ValueError({HOSTILE!r})
except ValueError:
    log.exception("it broke")
"""


def test_the_log_as_it_is_set_up_holds_no_line_that_begins_with_another_s_words(tmp_path: Path) -> None:
    file = tmp_path / "x.log"
    subprocess.run([sys.executable, "-c", SCRIPT, "--log-file", str(file)], check=True, timeout=PATIENCE)
    text = file.read_text()
    assert f"it says: {SHOWN}" in text and f"it broke: ValueError: {SHOWN}" in text
    assert not any(line.startswith("2026-11-26 CRITICAL") for line in text.splitlines())
    assert text.replace("\n", "").isprintable(), "a traceback of ours keeps its line ends, and nothing else"


def test_a_log_configuration_of_the_operator_s_own_is_held_to_it_too(tmp_path: Path) -> None:
    (tmp_path / "logging.conf").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=out\n[formatters]\nkeys=plain\n"
        "[logger_root]\nlevel=INFO\nhandlers=out\n"
        "[handler_out]\nclass=StreamHandler\nformatter=plain\nargs=(sys.stdout,)\n"
        "[formatter_plain]\nformat=>%(message)s<\n"
    )
    where = ["--log-config-append", str(tmp_path / "logging.conf")]
    assert ">an event<" in log_with(*where).stdout
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *where], check=True, timeout=PATIENCE, capture_output=True, text=True
    )
    assert f">it says: {SHOWN}<" in ran.stdout and f"ValueError: {SHOWN}" in ran.stdout.splitlines()


OSLO = """
import logging, sys
from masakarimonitors import conf
from masakarimonitors.conf import log
log.set_up(conf.load(sys.argv[1:], default_config_files=[], default_config_dirs=[]))
LOG = logging.getLogger("masakarimonitors.somewhere")
try:
    raise RuntimeError("the disk is gone")
except RuntimeError as fault:
    LOG.warning("It cannot be written: %s", fault)
    LOG.exception("It cannot be written: %s", fault)
    LOG.exception("It failed: %r", fault)
    LOG.exception("It is said only behind")
"""


def test_an_exception_is_said_once_in_a_line(tmp_path: Path) -> None:
    """oslo.log puts it behind the message, whether or not that says so already."""
    subprocess.run(
        [sys.executable, "-c", OSLO, "--log-file", tmp_path / "log"],
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if " It " in line]
    assert len(lines) == 4
    assert [line.count("the disk is gone") for line in lines] == [1, 1, 1, 1], lines
    assert lines[3].endswith("It is said only behind: RuntimeError: the disk is gone")
