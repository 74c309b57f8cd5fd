"""Logging goes where operators' files say; each case in a process of its own, since logging is global."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from masakarimonitors.conf import ConfigFault, loader, log
from masakarimonitors.system.service import held_back
from tests.fixtures.fake_journald import played
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
    assert [file.name for file in tmp_path.iterdir()] == ["-c.log"]


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


def test_a_journal_at_which_nobody_listens_is_replaced_by_standard_error(tmp_path: Path) -> None:
    told = _about("--use-journal", journal=tmp_path / "nobody")
    assert "no journald listens at" in told.stderr and "host:node05 held: a storm" in told.stderr


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
        log.renewed(loaded, loaded)()
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


_SLOW_AT_SIGHUP = """
import logging, os, sys, threading
from pathlib import Path
from masakarimonitors import conf
from masakarimonitors.conf import log
file, patience = Path(sys.argv[1]), float(sys.argv[2])
reached, goes_on = threading.Event(), threading.Event()
class Slow(logging.StreamHandler):
    def __init__(self, *given):
        super().__init__(*given)
        reached.set()
        # In one go: another thread writes its line meanwhile.
        os.write(1, b"it went on\\n" if goes_on.wait(patience) else b"it was held up\\n")
loaded = conf.load(["--log-config-append", str(file)], default_config_files=[], default_config_dirs=[])
log.set_up(loaded)
file.write_text(file.read_text().replace("class=StreamHandler", "class=__main__.Slow").replace(">", "}"))
os.utime(file, (1, 1))
take_over = []
thread = threading.Thread(target=lambda: take_over.append(log.renewed(loaded, loaded)))
thread.start()
assert reached.wait(patience)
logging.getLogger("masakarimonitors.new").error("first")
goes_on.set()
thread.join()
logging.getLogger("masakarimonitors.new").error("second")
take_over[0]()
logging.getLogger("masakarimonitors.new").error("third")
"""


def _appended(file: Path) -> Path:
    file.write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=out\n[formatters]\nkeys=plain\n"
        "[logger_root]\nlevel=INFO\nhandlers=out\n"
        "[handler_out]\nclass=StreamHandler\nformatter=plain\nargs=(sys.stdout,)\n"
        "[formatter_plain]\nformat=>%(message)s\n"
    )
    return file


def test_nobody_waits_for_what_is_to_take_the_log_anew(tmp_path: Path) -> None:
    file = _appended(tmp_path / "logging.conf")
    ran = subprocess.run(
        [sys.executable, "-c", _SLOW_AT_SIGHUP, str(file), str(PATIENCE / 3)],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert sorted(ran.stdout.splitlines()) == [">first", ">second", "it went on", "}third"], ran.stderr


_NOT_WRITTEN = """
import logging, os, sys, threading
from pathlib import Path
from masakarimonitors import conf
from masakarimonitors.conf import log
file = Path(sys.argv[1])
loaded = conf.load(["--log-config-append", str(file)], default_config_files=[], default_config_dirs=[])
log.set_up(loaded)
goes_on = threading.Event()
class Slow(logging.Filter):
    def filter(self, record):
        return goes_on.wait()
for handler in logging.getLogger().handlers[0].handlers:
    handler.addFilter(Slow())
LOG = logging.getLogger("masakarimonitors.somewhere")
LOG.info("first")
log.renewed(loaded, loaded)()
print("the file is the same", flush=True)
os.utime(file, (1, 1))
log._FINISH = 0.1
try:
    log.renewed(loaded, loaded)()
except conf.ConfigFault:
    print("nothing takes the log", flush=True)
goes_on.set()
log._FINISH = 600.0
log.renewed(loaded, loaded)()
LOG.info("second")
"""


def test_a_log_that_is_not_written_yet_refuses_only_a_file_that_has_changed(tmp_path: Path) -> None:
    file = _appended(tmp_path / "logging.conf")
    ran = subprocess.run(
        [sys.executable, "-c", _NOT_WRITTEN, str(file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    said = ["the file is the same", "nothing takes the log", ">first", ">second"]
    assert ran.stdout.splitlines() == said, ran.stderr


_DEAD_AT_START = """
import logging, sys, threading
from masakarimonitors import conf
from masakarimonitors.conf import log
log.WITHIN = 0.2
log.set_up(conf.load(sys.argv[2:], default_config_files=[], default_config_dirs=[]))
LOG = logging.getLogger("masakarimonitors.somewhere")
LOG.info("an event")
LOG.debug("a detail")
log.log_writer.finish(60)
reader = open(sys.argv[1])
lines = threading.Event()
def read():
    for line in reader:
        if "another event" in line:
            print("healed:", line, end="", flush=True)
            lines.set()
threading.Thread(target=read, daemon=True).start()
for _ in range(6000):
    LOG.info("another event")
    if lines.wait(0.01):
        break
"""


@pytest.mark.parametrize("option", ["--log-file", "--log-config-append"])
def test_what_does_not_answer_at_the_start_is_named_and_not_waited_for(tmp_path: Path, option: str) -> None:
    """A pipe that nobody reads stands for the dead disk: who opens it waits."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    given = pipe
    if option == "--log-config-append":
        given = _appended(tmp_path / "logging.conf")
        text = (
            given.read_text()
            .replace("StreamHandler", "FileHandler")
            .replace("sys.stdout,", f"{str(pipe)!r},")
        )
        given.write_text(text)
    ran = subprocess.run(
        [sys.executable, "-c", _DEAD_AT_START, str(pipe), option, str(given)],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    first, *_ = ran.stderr.splitlines()
    assert "ERROR" in first and "has not answered within" in first and "log_file" in first
    assert "INFO masakarimonitors.somewhere" in ran.stderr and "an event" in ran.stderr
    assert "a detail" not in ran.stderr
    assert "healed:" in ran.stdout and "another event" in ran.stdout


_ABOUT = """
import logging, sys, syslog
from masakarimonitors.system.service import journald
journald.SOCKET = sys.argv.pop(1)
syslog.openlog = lambda name, *more: print("syslog as", name)
from masakarimonitors import conf
from masakarimonitors.conf import log
from masakarimonitors.system.service import log_writer
from masakarimonitors.system.service.log_fields import event
log.set_up(conf.load(sys.argv[1:], default_config_files=[], default_config_dirs=[]))
logging.getLogger("masakarimonitors.somewhere").warning(
    "host:node05 held: %s", "a storm",
    extra=event("verdict", subject="host:node05", ruling="held", reason="a storm", report_id=7))
log_writer.finish(60)
"""


def _about(*argv: str, journal: Path = Path("/nowhere")) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _ABOUT, str(journal), *argv],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )


def test_json_has_the_fields_of_an_event(tmp_path: Path) -> None:
    _about("--use-json", "--log-file", str(tmp_path / "log"))
    (line,) = (tmp_path / "log").read_text().splitlines()
    said = json.loads(line)
    assert said["message"] == "host:node05 held: a storm"
    assert said["extra"] == {
        "event": "verdict",
        "subject": "host:node05",
        "ruling": "held",
        "reason": "a storm",
        "report_id": "7",
    }


def test_the_journal_has_them_as_fields_of_its_own(tmp_path: Path) -> None:
    with played(tmp_path / "socket") as journal:
        _about("--use-journal", journal=journal.path)
        (sent,) = journal.entries()
    assert sent["SYSLOG_IDENTIFIER"] == "-c" and sent["PRIORITY"] == "4"
    assert (sent["EVENT"], sent["SUBJECT"], sent["RULING"]) == ("verdict", "host:node05", "held")
    assert (sent["REASON"], sent["REPORT_ID"]) == ("a storm", "7")
    assert "host:node05 held: a storm" in sent["MESSAGE"]


def test_syslog_hears_the_name_of_the_program() -> None:
    assert "syslog as -c\n" in _about("--use-syslog").stdout


def test_a_plain_line_is_as_it_was(tmp_path: Path) -> None:
    _about("--log-file", str(tmp_path / "log"))
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.endswith("host:node05 held: a storm")


def test_who_only_looks_hears_what_a_start_would_say_and_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "logging.conf").write_text("no section\n")
    (tmp_path / "there").write_text("a line\n")
    for option in (
        f"--log-file={tmp_path}/no/folder/log",
        f"--log-file={tmp_path}",
        f"--log-dir={tmp_path}/no",
        f"--log-config-append={tmp_path}/logging.conf",
    ):
        conf = loader.load([option], default_config_files=[], default_config_dirs=[])
        with pytest.raises(ConfigFault) as looked:
            log.look(conf, "-c")
        started = run(option)
        assert started.returncode != 0 and str(looked.value) in started.stderr + started.stdout
    for option in (f"--log-file={tmp_path}/new", f"--log-file={tmp_path}/there", f"--log-dir={tmp_path}"):
        log.look(loader.load([option], default_config_files=[], default_config_dirs=[]), "-c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logging.conf", "there"]
    assert (tmp_path / "there").read_text() == "a line\n"


@pytest.mark.parametrize("option", ["use_json", "log_config_append", "log_file"])
def test_what_writes_lines_in_json_is_there_before_the_first_line(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(held_back, "load", loaded.append)
    conf = loader.load([], default_config_files=[], default_config_dirs=[])
    conf.set_override(option, True)
    log._load_what_writes(conf)
    assert loaded == ([] if option == "log_file" else ["oslo_serialization.jsonutils"])
