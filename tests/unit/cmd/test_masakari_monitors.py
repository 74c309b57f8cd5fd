"""The umbrella command: its tools, what each takes, and what is left to oslo.config."""

import pytest

from masakarimonitors.cmd.masakari_monitors import parser
from masakarimonitors.cmd.subcommands import check, demo, outbox, pacemaker_alert, receiver, run, status
from masakarimonitors.version import VERSION


@pytest.mark.parametrize(
    ("argv", "tool"),
    [
        (["run"], run),
        (["demo"], demo),
        (["receiver"], receiver),
        (["check"], check),
        (["status"], status),
        (["outbox"], outbox),
        (["pacemaker-alert", "show"], pacemaker_alert),
    ],
)
def test_each_command_runs_its_tool_and_leaves_the_rest_to_oslo_config(argv: list[str], tool: object) -> None:
    arguments, rest = parser().parse_known_args([*argv, "--config-file", "/x.conf", "--debug"])
    assert arguments.run is tool.run  # type: ignore[attr-defined]
    assert rest == ["--config-file", "/x.conf", "--debug"]


def test_what_a_tool_takes_itself() -> None:
    found = parser().parse_known_args(["run", "--monitor", "hostmonitor", "--monitor", "processmonitor"])[0]
    assert found.monitor == ["hostmonitor", "processmonitor"]
    assert parser().parse_known_args(["status", "--json"])[0].json
    assert parser().parse_known_args(["check", "--offline"])[0].offline
    assert parser().parse_known_args(["outbox"])[0].limit == 20


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--version"], 0),
        (["--help"], 0),
        ([], 2),
        (["dance"], 2),
        (["run", "--monitor", "weathermonitor"], 2),
        (["pacemaker-alert", "polish"], 2),
    ],
)
def test_what_it_does_not_know_is_refused(
    argv: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        parser().parse_known_args(argv)
    assert left.value.code == code
    said = capsys.readouterr()
    if argv == ["--version"]:
        assert said.out.strip() == VERSION
