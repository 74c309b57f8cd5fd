"""Logging goes where operators' files say; each case in a process of its own, since logging is global."""

import os
import subprocess
import sys
from pathlib import Path

from tests.fixtures.waiting import PATIENCE

SCRIPT = """
import logging, sys
from masakarimonitors import conf
from masakarimonitors.conf import log
try:
    log.set_up(conf.load(sys.argv[1:], default_config_files=[], default_config_dirs=[]))
except conf.ConfigFault as fault:
    sys.exit(f"FAULT {fault}")
logging.getLogger("masakarimonitors.somewhere").info("an event")
logging.getLogger("masakarimonitors.somewhere").debug("a detail")
logging.getLogger("keystoneauth.session").info("a chatty library")
"""


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *argv],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environ,
        check=False,
    )


def test_a_log_file_is_written(tmp_path: Path) -> None:
    run("--log-file", str(tmp_path / "x.log"))
    text = (tmp_path / "x.log").read_text()
    assert "INFO masakarimonitors.somewhere" in text and "an event" in text
    assert "a detail" not in text and "a chatty library" not in text


def test_a_log_folder_gets_a_file_of_the_program(tmp_path: Path) -> None:
    run("--log-dir", str(tmp_path))
    assert [file.suffix for file in tmp_path.iterdir()] == [".log"]


def test_debug_shows_details(tmp_path: Path) -> None:
    run("--debug", "--log-file", str(tmp_path / "x.log"))
    assert "a detail" in (tmp_path / "x.log").read_text()


def test_a_place_that_cannot_be_written_is_a_fault_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = run("--log-file", str(tmp_path / "file" / "x.log"))
    assert ran.returncode == 1
    assert "FAULT The log cannot be set up" in ran.stderr and "Traceback" not in ran.stderr


def test_an_appended_log_configuration_is_used(tmp_path: Path) -> None:
    (tmp_path / "logging.conf").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=out\n[formatters]\nkeys=plain\n"
        "[logger_root]\nlevel=INFO\nhandlers=out\n"
        "[handler_out]\nclass=StreamHandler\nformatter=plain\nargs=(sys.stdout,)\n"
        "[formatter_plain]\nformat=>%(message)s<\n"
    )
    assert ">an event<" in run("--log-config-append", str(tmp_path / "logging.conf")).stdout


def test_a_broken_log_configuration_is_a_fault(tmp_path: Path) -> None:
    handler = (
        "[loggers]\nkeys=root\n[handlers]\nkeys=out\n[formatters]\nkeys=\n[logger_root]\nhandlers=out\n"
        "[handler_out]\nclass=StreamHandler\nargs=(stdout,)\n"
    )
    for broken in ("[loggers]\n", handler):
        (tmp_path / "logging.conf").write_text(broken)
        ran = run("--log-config-append", str(tmp_path / "logging.conf"))
        assert ran.returncode == 1 and "FAULT The log cannot be set up" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_a_journal_without_its_binding_is_replaced_by_standard_error(tmp_path: Path) -> None:
    file = tmp_path / "monitors.conf"
    file.write_text("[DEFAULT]\nuse_journal = true\n")
    ran = run("--config-file", str(file))
    assert ran.returncode == 0
    try:
        import systemd  # type: ignore[import-not-found] # noqa: F401
    except ImportError:
        assert "systemd-python is not installed" in ran.stderr and "an event" in ran.stderr


_RENEWED = """
import logging, os, sys
from pathlib import Path
from masakarimonitors import conf
from masakarimonitors.conf import log
file = Path(sys.argv[1])
text = file.read_text()
loaded = conf.load(["--log-config-append", str(file)], default_config_files=[], default_config_dirs=[])
log.set_up(loaded)
LOG = logging.getLogger("masakarimonitors.somewhere")
LOG.info("first")
broken = [text.replace("sys.stdout", slip) for slip in ("sys.nothing", "nothing", "1 / 0", "[][0]")]
for number, more in enumerate(("[loggers]\\n", *broken, text.replace(">", "}"))):
    file.write_text(more)
    os.utime(file, (number, number))
    try:
        log.renew(loaded, loaded)
    except conf.ConfigFault as fault:
        LOG.info("fault")
LOG.info("a\\nb")
"""


def test_an_appended_log_configuration_is_read_again_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "logging.conf"
    file.write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=out\n[formatters]\nkeys=plain\n"
        "[logger_root]\nlevel=INFO\nhandlers=out\n"
        "[handler_out]\nclass=StreamHandler\nformatter=plain\nargs=(sys.stdout,)\n"
        "[formatter_plain]\nformat=>%(message)s\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", _RENEWED, str(file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.stdout.splitlines() == [">first", *[">fault"] * 5, "}a\\nb"], ran.stderr
