"""The privileged helper's command line, argument by argument: deployed sudoers rules compare all of it."""

import fnmatch
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from masakarimonitors import privsep
from masakarimonitors.conf import opts

CONTEXT = ["--privsep_context", "masakarimonitors.privsep.monitors_priv", "--privsep_sock_path", "/s"]


@pytest.fixture(autouse=True)
def global_configuration() -> Iterator[None]:
    """oslo.privsep reads oslo.config's global one; it is left as if nobody had read any file."""
    yield
    cfg.CONF.clear()


def test_the_helper_is_started_with_exactly_the_files_of_the_monitor(tmp_path: Path) -> None:
    for name in ("a.conf", "b.conf"):
        (tmp_path / name).write_text("")
    (tmp_path / "conf.d").mkdir()
    privsep.configure([f"{tmp_path}/a.conf", f"{tmp_path}/b.conf"], [f"{tmp_path}/conf.d"], "privsep-helper")
    assert privsep.monitors_priv.helper_command("/s") == [
        *("sudo", "privsep-helper"),
        *("--config-file", f"{tmp_path}/a.conf"),
        *("--config-file", f"{tmp_path}/b.conf"),
        *("--config-dir", f"{tmp_path}/conf.d"),
        *CONTEXT,
    ]


def program(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "privsep-helper"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_the_helper_of_an_environment_that_sudo_does_not_search_is_named_by_its_path(tmp_path: Path) -> None:
    ours, others = program(tmp_path / "environment"), program(tmp_path / "bin")
    nothing = str(tmp_path / "nothing")
    assert privsep.helper(ours.parent, searched=nothing) == str(ours)
    assert privsep.helper(ours.parent, searched=str(others.parent)) == str(ours), (
        "that one is of other packages"
    )
    others.unlink()
    others.symlink_to(ours)
    assert privsep.helper(ours.parent, searched=str(others.parent)) == "privsep-helper", (
        "the deployed rule's name"
    )
    assert privsep.helper(tmp_path, searched=nothing) == "privsep-helper"

    (tmp_path / "a b.conf").write_text("")
    (tmp_path / "conf d").mkdir()
    privsep.configure([f"{tmp_path}/a b.conf"], [f"{tmp_path}/conf d"], str(ours))
    assert privsep.monitors_priv.helper_command("/s") == [
        *("sudo", str(ours), "--config-file", f"{tmp_path}/a b.conf", "--config-dir", f"{tmp_path}/conf d"),
        *CONTEXT,
    ]


def test_the_operators_own_command_stands_in_the_section_that_is_documented(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text(
        "[masakarimonitors_privileged]\nhelper_command = sudo rootwrap /etc/r.conf privsep-helper\n"
    )
    privsep.configure([str(file)], [], "/opt/bin/privsep-helper")
    assert privsep.monitors_priv.helper_command("/s") == [
        *("sudo", "rootwrap", "/etc/r.conf", "privsep-helper"),
        *CONTEXT,
    ]
    assert privsep.monitors_priv.conf.capabilities == []


def test_what_the_helper_heeds_is_declared_as_the_monitors_declare_it() -> None:
    for section, ours in privsep.OPTIONS.items():
        theirs = next(one for one in opts.SECTIONS if one.name == section)
        option = next(one for one in theirs.options if one.name == ours.name)
        assert (type(ours), ours.dest, ours.default) == (type(option), option.dest, option.default)
        assert not option.deprecated_opts


@pytest.mark.parametrize("name", ["oslo.privsep.daemon", "oslo_privsep.daemon"])
def test_no_level_lets_an_answer_of_the_helper_into_a_log(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger(name)
    with caplog.at_level(logging.DEBUG, logger=name):
        logger.debug("privsep: reply[%(msgid)s]: %(reply)s", {"msgid": 1, "reply": "password"})
        logger.info("privsep daemon starting")
    assert [record.getMessage() for record in caplog.records] == ["privsep daemon starting"]


def test_the_sample_of_a_sudoers_rule_fits_the_helper_and_nothing_else(tmp_path: Path) -> None:
    """sudo compares a rule's arguments, joined by spaces, as fnmatch(3) does: a star would let more of them in."""
    text = (Path(__file__).parents[2] / "etc/sudoers.d/masakari-monitors").read_text().replace("\\\n", "")
    rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    own = [(), ("masakari-processmonitor.conf",), ("masakari-hostmonitor.conf",)]
    for rule, files in zip(rules, own, strict=True):
        user, _, command = rule.partition(" ALL=(root) NOPASSWD: ")
        assert user == "masakari" and "*" not in command and "?" not in command
        program, _, arguments = command.partition(" ")
        assert program == "/usr/bin/privsep-helper"

        read = [f"--config-file /etc/masakarimonitors/{file}" for file in ("masakarimonitors.conf", *files)]
        for _ in range(100):
            folder = tempfile.mkdtemp()
            os.rmdir(folder)
            given = [*read, *CONTEXT[:-1], f"{folder}/privsep.sock"]
            assert fnmatch.fnmatchcase(" ".join(given).replace(tempfile.gettempdir(), "/tmp"), arguments)
        more = [*given[:-1], "/tmp/x", "--log-config-append", "/tmp/mine/privsep.sock"]
        assert not fnmatch.fnmatchcase(" ".join(more), arguments)


def test_the_helper_of_the_packages_begins_where_the_log_goes_to_the_journal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """oslo.log would want systemd's binding before the helper has begun."""
    begun: list[list[str]] = []
    monkeypatch.setattr("oslo_privsep.daemon.helper_main", lambda: begun.append(sys.argv))
    monkeypatch.setattr(sys, "argv", ["privsep-helper", "--config-file", "x"])
    privsep.main()
    assert begun == [["privsep-helper", "--config-file", "x", "--nouse-journal"]]
