"""The file of `log_config_append`, taken over as a whole or not at all; what logs is put back after each case."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.conf import ConfigFault, log_config
from tests.fixtures.waiting import until

TEXT = """\
[loggers]
keys=root,one
[handlers]
keys=out
[formatters]
keys=
[logger_root]
level=INFO
handlers=
[logger_one]
level=DEBUG
propagate=0
qualname=test_log_config.one
handlers=out
[handler_out]
class=FileHandler
args=({file!r},)
"""


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    logging.getLogger("test_log_config.one")  # known before the first case, whichever that is
    known = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    before = [
        (one, one.level, one.propagate, list(one.handlers))
        for one in known
        if isinstance(one, logging.Logger)
    ]
    yield
    for one, level, propagate, handlers in before:
        one.setLevel(level)
        one.propagate, one.handlers = propagate, handlers


def write(folder: Path, name: str, text: str = TEXT) -> str:
    path = folder / "logging.conf"
    path.write_text(text.format(file=str(folder / name)))
    return str(path)


def test_reading_changes_nothing_and_taking_over_does(tmp_path: Path) -> None:
    one = logging.getLogger("test_log_config.one")
    says = log_config.read(write(tmp_path, "a"))
    assert one.handlers == [] and one.propagate
    says.take_over()
    assert one.level == logging.DEBUG
    one.debug("to a")
    until(lambda: "to a" in (tmp_path / "a").read_text(), "the line")
    (old,) = says.handlers.values()
    assert isinstance(old, logging.FileHandler)
    log_config.read(write(tmp_path, "b")).take_over()
    one.debug("to b")
    until(lambda: "to b" in (tmp_path / "b").read_text(), "the line")
    assert "to b" not in (tmp_path / "a").read_text()
    until(lambda: old.stream is None, "the end of the old file")


def test_what_cannot_be_taken_over_leaves_all_as_it_was(tmp_path: Path) -> None:
    one = logging.getLogger("test_log_config.one")
    log_config.read(write(tmp_path, "a")).take_over()
    broken = log_config.read(write(tmp_path, "b", TEXT.replace("handlers=out", "handlers=nobody")))
    with pytest.raises(ConfigFault, match="log_config_append: KeyError"):
        broken.take_over()
    one.debug("to a")
    until(lambda: "to a" in (tmp_path / "a").read_text(), "the line")


@pytest.mark.parametrize(
    "text", ["", "[loggers", TEXT.replace("FileHandler", "Nobody"), TEXT.replace("({file!r},)", "exit(7)")]
)
def test_what_is_wrong_is_a_fault(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigFault, match="log_config_append: "):
        log_config.read(write(tmp_path, "a", text))
