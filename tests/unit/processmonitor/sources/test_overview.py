"""What `masakari-monitors check` shows of each entry, on a folder made like /proc."""

import os

import pytest

from masakarimonitors.processmonitor.core.observation import Entry
from masakarimonitors.processmonitor.sources.overview import Finding, overview
from tests.unit.processmonitor.sources.test_procfs import Proc, proc

__all__ = ["proc"]


def findings(proc: Proc, *entries: Entry, blindness: str = "") -> list[Finding]:
    return overview(entries, blindness, str(proc.path))


def test_what_runs_is_shown_with_the_reason(proc: Proc) -> None:
    proc.runs(7, "/usr/sbin/svc")
    (found,) = findings(proc, Entry(process_name="/usr/sbin/svc"))
    assert found == Finding(True, "process /usr/sbin/svc: pid 7, its executable is /usr/sbin/svc")


def test_a_worker_is_said_to_be_one_and_many_are_cut_short(proc: Proc) -> None:
    proc.runs(7, "nginx: worker process", exe="/usr/sbin/nginx")
    for pid in range(10, 15):
        proc.runs(pid, "/usr/sbin/nginx")
    (found,) = findings(proc, Entry(process_name="nginx"))
    assert found.text.count("pid ") == 3 and found.text.endswith("and 3 more")
    proc.runs(8, "svc: worker process", exe="/usr/sbin/svc")
    (found,) = findings(proc, Entry(process_name="svc"))
    assert "a worker or a session" in found.text


def test_what_only_stands_in_a_command_line_is_a_warning(proc: Proc) -> None:
    proc.runs(7, "/opt/t-agent", "--config", "/etc/agent.conf")
    (found,) = findings(proc, Entry(process_name="t-ag"))
    assert not found.fine
    assert 'matches nothing, though pid 7 shows "/opt/t-agent --config /etc/agent.conf"' in found.text


def test_what_does_not_run_would_be_started(proc: Proc) -> None:
    (found,) = findings(proc, Entry(process_name="svc"))
    assert not found.fine and "it would be started" in found.text


def test_an_unknown_user_is_named(proc: Proc) -> None:
    proc.runs(7, "/usr/sbin/svc")
    (found,) = findings(proc, Entry(process_name="/usr/sbin/svc", user="no-such-user"))
    assert not found.fine and "user" in found.text


@pytest.mark.parametrize("why", ["a pid namespace of its own"])
def test_blindness_comes_first(proc: Proc, why: str) -> None:
    assert findings(proc, Entry(process_name="svc"), blindness=why)[0] == Finding(False, f"processes: {why}")


def test_what_is_told_from_a_folder_may_be_another_thing_for_the_monitor(proc: Proc) -> None:
    entry = Entry(
        process_name="bin/svc",
        restart_command="bin/again now",
        start_command="/bin/sh bin/x",
        pre_start_command="sh ./x",
    )
    proc.runs(7, "/srv/bin/svc")
    seen, path, command = findings(proc, entry)
    assert seen.fine and not path.fine and not command.fine
    assert "the path of its process_name is told from a folder" in path.text and os.getcwd() in path.text
    assert "the program of its restart_command is told from a folder" in command.text
    assert len(findings(proc, Entry(process_name="python3 rel/x.py", restart_command="sh -c ./x"))) == 1
