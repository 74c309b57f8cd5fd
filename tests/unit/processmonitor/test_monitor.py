"""The process monitor as it is wired: what a configuration makes of it, and what the status shows."""

import asyncio
import dataclasses
import datetime
import os
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from masakarimonitors import conf
from masakarimonitors.conf import ConfigFault
from masakarimonitors.core.decision import JSON
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.processmonitor.core.decision import State, restore
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    CommandKey,
    CommandsRun,
    Entry,
    ListBroken,
    LookUpMaintenance,
    MaintenanceSeen,
    Observation,
    Presence,
    Run,
    Step,
)
from masakarimonitors.processmonitor.core.stages import Kind, Policy
from masakarimonitors.processmonitor.effects import Effects
from masakarimonitors.processmonitor.monitor import build, cannot_work, check_list, describe, down_since, view
from masakarimonitors.status import health
from masakarimonitors.status.health import Sight, View
from masakarimonitors.status.model import SubjectRow
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_lists import FakeLists
from tests.fixtures.process_play import NOVA, Play

LIST = "- process_name: /usr/bin/nova-compute\n- process_name: odd name\n"


def options(tmp_path: Path, listed: str = LIST, more: str = "") -> cfg.ConfigOpts:
    (tmp_path / "list.yaml").write_text(listed)
    file = tmp_path / "monitors.conf"
    file.write_text(f"[process]\nprocess_list_path = {tmp_path}/list.yaml\n{more}")
    return conf.load(["--config-file", str(file)], default_config_dirs=[])


def test_what_is_watched_is_told_by_name(tmp_path: Path) -> None:
    monitor = build(options(tmp_path), {}, FakeClock(), FakeApi())
    assert monitor.name == "processmonitor"
    assert list(monitor.watching) == [
        f"process /usr/bin/nova-compute (of {tmp_path}/list.yaml)",
        f"process odd name (of {tmp_path}/list.yaml)",
    ]


@pytest.mark.parametrize("interval", [5, 60, 600])
def test_a_report_may_be_held_back_for_a_whole_probation_and_the_commands_before(
    tmp_path: Path, interval: int
) -> None:
    more = f"restart_interval = {interval}\ncommand_timeout = 60\n"
    monitor = build(options(tmp_path, more=more), {}, FakeClock(), FakeApi())
    assert monitor.held_patience >= 2 * interval + 60


@pytest.mark.parametrize(
    ("embedded", "hints"),
    [("true", ["pkill -9 -f /usr/bin/nova-compute", "pkill -9 -f 'odd name'"]), ("false", [])],
)
def test_only_where_reports_end_here_somebody_is_told_to_kill(
    tmp_path: Path, embedded: str, hints: list[str]
) -> None:
    monitor = build(
        options(tmp_path, more=f"[receiver]\nembedded = {embedded}\n"), {}, FakeClock(), FakeApi()
    )
    assert list(monitor.try_this) == hints


def test_a_list_that_cannot_be_used_is_a_fault_that_names_its_line_and_the_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault) as raised:
        build(options(tmp_path, "- process_nam: x\n"), {}, FakeClock(), FakeApi())
    said = str(raised.value)
    assert f"{tmp_path}/list.yaml, line 1" in said
    assert f"[process] process_list_path = {tmp_path}/list.yaml ({tmp_path}/monitors.conf, line 2)" in said


def test_only_a_host_that_nobody_gave_a_list_is_none_for_this_monitor(tmp_path: Path) -> None:
    named = options(tmp_path)
    (tmp_path / "list.yaml").unlink()
    assert cannot_work(named) == ""
    unnamed = conf.load([], default_config_files=[], default_config_dirs=[])
    if not os.path.lexists(unnamed.process.process_list_path):
        assert "cannot be read" in cannot_work(unnamed)


def test_only_what_was_remembered_of_processes_is_taken_over(tmp_path: Path) -> None:
    monitor = build(options(tmp_path), {"process:x": {}, "seen:y": {}, "else": {}}, FakeClock(), FakeApi())
    assert monitor.state == State(remembered={"process:x": {}}, seen=frozenset({"y"}))


def test_what_the_last_life_saw_down_in_this_boot_is_known_by_the_moment_of_its_report() -> None:
    noon = "2026-01-01T12:00:00+00:00"
    before = "2026-01-01T11:59:00+00:00"
    memory: dict[str, dict[str, JSON]] = {
        "process:a": {"down_since": before, "reported_at": noon, "fate": "pending", "boot": "b"},
        "process:b": {"down_since": before, "fate": "pending", "boot": "b"},
        "process:of another boot": {"reported_at": noon, "fate": "pending", "boot": "c"},
        "process:over": {"reported_at": noon, "fate": "delivered", "boot": "b", "over": True},
        "process:of an earlier release": {},
        "something else": {"reported_at": noon, "boot": "b"},
    }
    moment = datetime.datetime.fromisoformat
    assert down_since(memory, "b") == {"a": moment(noon), "b": moment(before)}
    assert down_since(memory, "") == {}


async def test_which_commands_run_is_observed_for_the_next_life(tmp_path: Path) -> None:
    monitor = build(options(tmp_path), {}, FakeClock(), FakeApi())
    seen: asyncio.Queue[Observation] = asyncio.Queue()
    (source,) = [one for one in monitor.sources if one.name == "commands"]
    running = asyncio.get_running_loop().create_task(source.run(seen.put_nowait))
    assert monitor.effects is not None
    await monitor.effects.perform(
        Run(process_name="p", request_id=1, what=CommandKey.RESTART, command_line="true", run_as_root=False)
    )
    assert [type(await seen.get()) for _ in range(2)] == [CommandsRun, CommandsRun]
    running.cancel()


def rows(play: Play) -> list[SubjectRow]:
    return list(describe(play.state, play.policy))


def test_a_process_whose_command_this_monitor_cannot_start_asks_for_a_human() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    (asked,) = [one for one in play.asked if isinstance(one, Run)]
    play.tell(
        CommandEnded(
            NOVA.process_name, asked.request_id, None, "the list has a fault in line 3", shortage=True
        )
    )
    (row,) = rows(play)
    assert row.alarm and row.held == "short" and "line 3" in row.detail and "no try is counted" in row.detail
    play.stays_gone()
    play.runs("restart")  # and its end is awaited, for a minute where the helper's disk does not answer
    (row,) = rows(play)
    assert row.state == "command runs" and row.alarm and row.held == "short"
    play.ends(0)
    (row,) = rows(play)
    assert not row.alarm and not row.held


def test_a_process_that_runs_says_why_it_is_taken_for_running_and_nothing_more() -> None:
    play = Play(NOVA)
    play.running()
    assert rows(play) == [SubjectRow("process:/usr/bin/nova-compute", "running", "seen")]
    play.gone()
    assert "seen" not in rows(play)[0].detail


def test_a_process_that_is_down_says_since_when_and_what_was_tried() -> None:
    play = Play(NOVA, retries=1)
    play.running()
    play.gone()
    play.stays_gone()
    (row,) = rows(play)
    assert "exited" not in row.detail
    assert "down since 2026-" in row.detail and "restarts tried: 1 (report after 2)" in row.detail
    assert not row.alarm and "report pending" not in row.detail
    play.until_reported()
    (row,) = rows(play)
    assert row.alarm and "report pending" in row.detail.split("; ")
    play.report_ends(ReportStatus.DELIVERED)
    (row,) = rows(play)
    assert row.alarm and "reported: masakari was told" in row.detail.split("; ")
    play.running()
    play.survives()
    (row,) = rows(play)
    assert (row.state, row.alarm) == ("running", True) and "on maintenance" in row.detail


def test_why_the_last_try_failed_is_shown_until_it_runs_again() -> None:
    play = Play(NOVA)
    play.running()
    play.gone()
    play.stays_gone()
    play.fail_a_try()
    (row,) = rows(play)
    assert row.detail.split("; ")[-1] == "exited 1"
    play.ends(0)
    play.comes_back()
    (row,) = rows(play)
    assert (row.state, row.detail, row.alarm) == ("running", "seen", False)


def test_a_process_that_cannot_be_seen_is_an_alarm() -> None:
    play = Play(NOVA)
    play.running()
    play.see(Presence.UNKNOWN)
    (row,) = rows(play)
    assert row.alarm and "cannot be seen at the moment" in row.detail and row.held == "blind"


def test_a_process_of_which_it_is_unclear_whether_it_runs_is_an_alarm() -> None:
    play = Play(NOVA)
    play.see(Presence.GONE, mention='pid 7 shows "x"')
    (row,) = rows(play)
    assert row.alarm and row.held == "unclear" and 'pid 7 shows "x"' in row.detail


def test_a_broken_list_stands_before_its_processes() -> None:
    play = Play(NOVA)
    play.running()
    play.tell(ListBroken("list", "line 2: no such key"))
    broken, process = rows(play)
    assert (broken.subject, broken.detail, broken.alarm) == ("process list", "line 2: no such key", True)
    assert broken.harms is health.Kind.OUTDATED and "the last good one" in broken.state
    assert process.state == "running"


def test_the_processes_are_seen_once_each_one_was_looked_at() -> None:
    play = Play(NOVA)
    assert view(play.state).sight is Sight.UNKNOWN
    play.running()
    assert view(play.state).sight is Sight.PROVEN
    play.tell(ListBroken("list", "line 2: no such key"))
    assert view(play.state).sight is Sight.PROVEN, "the last good list is in use"
    play.see(Presence.UNKNOWN)
    assert view(play.state) == View("processes", Sight.BLIND, f"cannot be seen: {NOVA.process_name}")


def test_without_any_good_list_nothing_is_seen() -> None:
    assert view(restore({})).sight is Sight.UNKNOWN
    broken = dataclasses.replace(restore({}), list_fault="line 2: no such key")
    assert view(broken) == View("processes", Sight.BLIND, "line 2: no such key")
    (row,) = describe(broken, Policy(hostname="compute-1"))
    assert (row.state, row.alarm, row.harms) == ("broken", True, None)


AS_ROOT = "- process_name: x\n  restart_command: y\n  run_as_root: true\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="looks at files of root's")
def test_a_list_that_others_can_write_is_named_before_anything_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The privileged helper will run none of its commands; a monitor that is root itself asks no helper."""
    loaded = options(tmp_path, AS_ROOT)
    path, file = tmp_path / "list.yaml", tmp_path / "monitors.conf"
    path.chmod(0o644)
    file.chmod(0o644)

    def said() -> str:
        caplog.clear()
        build(loaded, {}, FakeClock(), FakeApi())
        return caplog.text

    assert said() == "" and not [one for one in check_list(loaded) if "run as root" in one.text]
    path.chmod(0o664)
    assert said() == ""
    monkeypatch.setattr(os, "geteuid", lambda: 64001)
    assert f"chmod go-w {path}" in said()
    first, *_ = check_list(loaded)
    assert not first.fine and f"chmod go-w {path}" in first.text
    path.chmod(0o644)
    file.chmod(0o666)
    assert f"chmod go-w {file}" in said()
    path.write_text(LIST)
    assert said() == "", "nothing of it is to be run as root"


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("step", Step)
def test_each_step_of_a_try_is_one_key_of_the_list(kind: Kind, step: Step) -> None:
    """What is asked of the privileged helper is one of these, and nothing else."""
    commands = {key.value: key.value for key in CommandKey}
    entry = Entry(process_name="x", **commands)  # type: ignore[arg-type]
    prefix = "" if step is Step.MAIN else f"{step}_"
    assert kind.key(step).of(entry) == f"{prefix}{kind}_command"


def test_the_keys_are_all_the_commands_that_an_entry_can_have() -> None:
    assert {key.value for key in CommandKey} == {
        field.name for field in dataclasses.fields(Entry) if field.name.endswith("_command")
    }


class Unlisted(FakeLists):
    """Whoever asks has no right to read notifications."""

    async def get(self, path: str) -> Any:
        if path.startswith("/notifications"):
            raise LookupFailed(f"GET {path}: 403")
        return await super().get(path)


@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("waits", [False, True, None])
async def test_masakari_is_asked_for_the_flag_of_this_host_and_for_what_waits(
    tmp_path: Path, waits: bool | None, flag: bool
) -> None:
    api = (Unlisted if waits is None else FakeLists)({"az1": ["here", "there"]})
    api.on_maintenance = {"here" if flag else "there"}
    for host, status in (("here", "new" if waits else "finished"), ("there", "new")):
        api.file(host, "PROCESS", {}, "2026-01-01T12:00:00", status=status)
    clock = FakeClock()
    read = options(tmp_path)
    read.set_override("hostname", "here")
    effects = build(read, {}, clock, api).effects
    assert isinstance(effects, Effects)
    seen = await effects.perform(LookUpMaintenance())
    assert seen == MaintenanceSeen(flag, clock.now(), waits)
    api.segments = {}
    seen = await effects.perform(LookUpMaintenance())
    assert isinstance(seen, MaintenanceSeen) and seen.on_maintenance is None
