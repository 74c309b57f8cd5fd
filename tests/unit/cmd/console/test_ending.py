"""How a program ends: exit codes, words, and nobody who can hold it up."""

import asyncio
import io
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from masakarimonitors.cmd.console import ending
from masakarimonitors.cmd.console.ending import Ended
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.console.names import NotBuilt
from masakarimonitors.conf import ConfigFault
from tests.fixtures.waiting import PATIENCE


def fails(fault: BaseException) -> Callable[[], Exit]:
    def run() -> Exit:
        raise fault

    return run


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (ConfigFault("Set x."), 1, "prog: Set x.\n"),
        (NotBuilt("Not here."), 1, "prog: Not here.\n"),
        (KeyboardInterrupt(), 130, ""),
        (ValueError("a surprise"), 70, ""),
        (OSError(5, "a surprise"), 70, ""),
        (Ended("Nobody knows.", Exit.UNKNOWN), 4, "prog: Nobody knows.\n"),
        (ExceptionGroup("two", [BrokenPipeError(), ExceptionGroup("", [ValueError()])]), 70, ""),
        (ExceptionGroup("one", [ConfigFault("Set x.")]), 1, "prog: Set x.\n"),
        (BaseExceptionGroup("one", [KeyboardInterrupt()]), 130, ""),
        (ExceptionGroup("one", [BrokenPipeError()]), 141, ""),
        (SystemExit(2), 2, ""),
        (SystemExit(), 0, ""),
        (SystemExit("a library gives up"), 1, "a library gives up\n"),
    ],
)
def test_what_goes_wrong_is_an_exit_code_and_words(
    fault: BaseException,
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert ending.guarded("prog", fails(fault)) == code
    assert capsys.readouterr().err == said
    assert [record.levelno for record in caplog.records] == ([logging.CRITICAL] if code == 70 else [])


def test_what_it_says_itself_is_the_code_and_of_what_stays_a_reader_that_has_gone_is_no_excuse() -> None:
    assert ending.guarded("prog", lambda: Exit.NONE_THERE) is Exit.NONE_THERE
    assert ending.guarded("prog", fails(BrokenPipeError()), stays=True) is Exit.FAULT


async def test_whoever_cannot_take_our_last_words_does_not_hold_up_the_end(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    script = (
        "import os, sys\nfrom masakarimonitors.cmd.console import ending\n"
        "sys.stdout.write('x' * 5000)\nos.set_blocking(1, False)\n"
        "try:\n    while True: os.write(1, b'x')\nexcept BlockingIOError: os.set_blocking(1, True)\n"
        "ending.leave(3)\n"
    )
    try:
        environ = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
        ended = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=writer, env=environ)
        async with asyncio.timeout(PATIENCE):
            assert await ended.wait() == 3
    finally:
        os.close(reader)
        os.close(writer)


def test_a_full_disk_is_one_also_where_nothing_is_buffered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """PYTHONUNBUFFERED is set in many containers."""

    def run() -> Exit:
        print("a line")
        return Exit.FINE

    with open("/dev/full", "wb", buffering=0) as disk:
        stream = io.TextIOWrapper(disk, write_through=True)  # as the interpreter has it
        monkeypatch.setattr(sys, "stdout", ending.remembering(stream))
        assert ending.guarded("prog", run) is Exit.UNWRITTEN
    assert capsys.readouterr().err == "prog: what it has to say cannot be written: No space left on device\n"


def test_what_is_not_buffered_is_still_said_line_by_line(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb", buffering=0) as file:
        plain = io.TextIOWrapper(file, write_through=True)
        print("a line", file=ending.remembering(plain))
        assert (tmp_path / "out").read_text() == "a line\n"
    buffered = io.TextIOWrapper(io.BytesIO())
    assert ending.remembering(buffered) is buffered


def test_a_letter_that_the_readers_locale_lacks_is_said_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))
    ending.stand_in()
    print("nöt-ж is down")
    sys.stdout.flush()
    assert written.getvalue() == b"n\xf6t-\\u0436 is down\n"
