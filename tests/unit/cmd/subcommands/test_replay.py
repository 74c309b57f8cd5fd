"""`masakari-monitors replay`: what is read, by which rules it is judged, what is shown, and each exit code."""

import json
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.rehearsal.kinds import kinds
from masakarimonitors.instancemonitor import monitor as of_instances
from masakarimonitors.introspectiveinstancemonitor import monitor as of_guests
from masakarimonitors.processmonitor import monitor as of_processes
from tests.fixtures import guest_play, instance_play, process_play
from tests.fixtures.host_play import Play, shipped_policy
from tests.fixtures.tape import Tape
from tests.unit.cmd.conftest import Configure, Run

Said = pytest.CaptureFixture[str]
HOSTS = ("node02", "node03", "node04", "node05")
CONSUL = """[host]
monitoring_driver = consul
segment_lookup = false
unproven_settle_time = {settle}
[consul]
agent_manage = 127.0.0.1:8500
agent_tenant = 127.0.0.1:8501
agent_storage = 127.0.0.1:8502
"""


@pytest.fixture
def night(run: Run, tmp_path: Path) -> Path:
    """The recording of a night in which node02 died."""
    tape = Tape(tmp_path / "state", kinds())
    play = Play(shipped_policy(own="compute-1"))
    tape.listen(play, play.rules)
    play.all_up(*HOSTS).leads({}).wait(60.0).cut("node02").wait(60.0)
    tape.read()
    return tape.path


def test_by_its_own_rules_the_same_comes_of_it(run: Run, night: Path, capsys: Said) -> None:
    assert run("replay", str(night), "--rules", "recorded") == 0
    out = capsys.readouterr().out
    assert "played by the rules that were recorded: 1 reports, 0 of them another." in out
    assert (
        "report\thost:node02\tSTOPPED OFFLINE NORMAL\t2026-11-22T08:18:10.000Z\t2026-11-22T08:18:10.000Z\t\n"
        in out
    )
    assert run("replay", "--live", "--rules", "recorded", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["same"], told["by"], told["versions"], told["other_steps"]) == (True, "recorded", ["1.0"], 0)


def test_by_this_configuration_it_would_be_reported_later(
    run: Run, configure: Configure, night: Path, capsys: Said
) -> None:
    configure(CONSUL.format(settle=30))
    assert run("replay", str(night)) == 0, "--config-file is given, so today's rules count"
    assert "played by this configuration: 1 reports, 0 of them another." in capsys.readouterr().out
    configure(CONSUL.format(settle=45))
    assert run("replay", "--live") == 1
    assert "\t15.0 s later\n" in capsys.readouterr().out
    configure(CONSUL.format(settle=300))
    assert run("replay", "--live", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["differs"] for one in told["reports"]] == ["would not be made"]
    assert told["by"] == "today" and told["supposed"]


def test_what_was_decided_otherwise_is_named(run: Run, night: Path, capsys: Said) -> None:
    lines = night.read_bytes().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if b'"reports"' in line)
    start = lines[at].index(b'"decided":"') + 11
    lines[at] = lines[at][:start] + b"0" * 16 + lines[at][start + 16 :]
    night.write_bytes(b"".join(lines))
    assert run("replay", str(night), "--rules", "recorded") == 1
    out = capsys.readouterr().out
    assert "step\t" in out and "host:node02 reported: it is down" in out


def test_a_process_is_played_by_its_own_rules_and_by_todays(run: Run, tmp_path: Path, capsys: Said) -> None:
    tape = Tape(tmp_path / "state", of_processes.kinds(), "processmonitor")
    play = process_play.Play()
    tape.listen(play, play.policy)
    play.name = process_play.FULL.process_name
    play.list_is(process_play.FULL)
    play.running()
    play.gone()
    play.stays_gone()
    play.until_reported()
    tape.read()
    assert run("replay", "--live", "--monitor", "processmonitor", "--rules", "recorded") == 0
    assert "1 reports, 0 of them another" in capsys.readouterr().out
    run("replay", "--live", "--monitor", "processmonitor", "--rules", "today", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["by"] == "today" and told["supposed"][0].startswith("the list of processes is the one")
    assert run("replay", str(tape.path), "--rules", "recorded") == 2, "it is not the host monitor's"


def test_instances_by_todays_rules(run: Run, configure: Configure, tmp_path: Path, capsys: Said) -> None:
    tape = Tape(tmp_path / "state", of_instances.kinds(), "instancemonitor")
    play = instance_play.Play()
    tape.listen(play, play.policy)
    play.census(instance_play.running(), instance_play.running(instance_play.OTHER))
    play.reboot()
    play.wait(60.0)
    play.ended(instance_play.OTHER)  # and nobody has answered
    tape.read()
    configure("[libvirt]\nreport = actionable\n")
    words = ("replay", "--live", "--monitor", "instancemonitor")
    assert run(*words, "--rules", "recorded") == 0
    capsys.readouterr()
    assert run(*words) == 1
    out = capsys.readouterr().out
    assert "played by this configuration: 2 reports, 2 of them another or not known (1)." in out
    assert "\tnot known: how libvirt has it was not asked then\n" in out
    assert f"report\tvm:{instance_play.INSTANCE.uuid}\tREBOOT " in out and "\twould not be made\n" in out


def test_of_a_guest_that_nothing_tells_of_it_is_said(
    run: Run, configure: Configure, tmp_path: Path, capsys: Said
) -> None:
    tape = Tape(tmp_path / "state", of_guests.kinds(), "introspectiveinstancemonitor")
    play = guest_play.Play(threshold=3, reports_per_hour=3)
    tape.listen(play, play.policy)
    play.seen().answers().after(30.0)
    play.goes_silent(times=3)
    play.seen(guest_play.B).answers(guest_play.B).after(10.0).misses(guest_play.B).after(1.0).answers()
    tape.read()
    configure("[introspectiveinstancemonitor]\nguest_monitoring_failure_threshold = 3\n")
    words = ("replay", "--live", "--monitor", "introspectiveinstancemonitor")
    assert run(*words) == 1
    out = capsys.readouterr().out
    assert (
        "\tnot known: after 3 misses it was pinged more slowly than by these rules "
        "(as far as it was recorded: would not be made)\n"
    ) in out
    assert f"report\tvm:{guest_play.B}\t\t\t\tnot known: its counters were not read then\n" in out
    assert run(*words, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [bool(one["not_known"]) for one in told["reports"]] == [True, True] and told["by"] == "today"
    assert told["supposed"][0].startswith("guests were pinged")


def test_a_damaged_line_is_named(run: Run, night: Path, capsys: Said) -> None:
    with night.open("ab") as file:
        file.write(b'{"kind": "st\n')
    assert run("replay", str(night), "--rules", "recorded") == 0
    assert "it is damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "takes the FILE of a recording, or --live"),
        (["x", "--live"], 2, "takes the FILE of a recording, or --live"),
        (["--live", "--rules", "recorded"], 3, "No recording of hostmonitor is there"),
        (["/nowhere", "--rules", "recorded"], 3, "No such file"),
        (["{folder}", "--rules", "recorded"], 4, "Is a directory"),
        (["{folder}/list.yaml", "--rules", "recorded"], 4, "it is damaged"),
        (["/dev/null", "--rules", "recorded"], 3, "nothing in it that could be played"),
    ],
)
def test_where_nothing_can_be_played(
    run: Run, tmp_path: Path, words: list[str], code: int, said: str, capsys: Said
) -> None:
    assert run("replay", *(word.format(folder=tmp_path) for word in words)) == code
    assert said in capsys.readouterr().err


def test_another_version_says_so(run: Run, night: Path, capsys: Said) -> None:
    night.write_bytes(night.read_bytes().replace(b'"format":1', b'"format":7', 1))
    assert run("replay", str(night), "--rules", "recorded") == 4
    assert "it was recorded by version 1.0 in format 7" in capsys.readouterr().err


def test_one_of_another_monitor_is_called_by_its_name_and_not_of_another_version(
    run: Run, night: Path, capsys: Said
) -> None:
    assert run("replay", str(night), "--monitor", "processmonitor", "--rules", "recorded") == 2
    assert capsys.readouterr().err == "It is a recording of hostmonitor: say --monitor hostmonitor\n"


def test_other_links_cannot_judge_it(run: Run, night: Path, configure: Configure, capsys: Said) -> None:
    configure(CONSUL.format(settle=30).replace("agent_tenant = 127.0.0.1:8501\n", ""))
    assert run("replay", str(night)) == 1
    assert (
        "judges hosts by manage, tenant, storage, this configuration by manage, storage"
        in capsys.readouterr().err
    )
