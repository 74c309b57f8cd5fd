"""`masakari-monitors simulate`: what is asked, from where it is played, what is shown, and each exit code."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.rehearsal.written import write
from masakarimonitors.core.silences.silence import as_json
from masakarimonitors.status import unix_socket
from masakarimonitors.status.health import Sight, View
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record
from tests.fixtures import instance_play
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.host_play import Play, shipped_policy
from tests.fixtures.silences import silence
from tests.unit.cmd.conftest import Configure, Run

Said = pytest.CaptureFixture[str]

CONSUL = """[host]
monitoring_driver = consul
failure_domains_file = {folder}/domains.yaml
power_config_file = {folder}/power.yaml
disable_ipmi_check = {unchecked}
[consul]
agent_manage = 127.0.0.1:8500
agent_tenant = 127.0.0.1:8501
agent_storage = 127.0.0.1:8502
"""
HOSTS = tuple(f"node{number:02}" for number in range(1, 9))


@pytest.fixture
def cloud(run: Run, configure: Configure, tmp_path: Path) -> Run:
    """With Consul's driver, eight hosts in four racks."""
    domains = "".join(f"{host}: rack{number // 2}\n" for number, host in enumerate(HOSTS))
    (tmp_path / "domains.yaml").write_text(domains)
    power = "".join(
        f"{host}: {{driver: ipmi, address: 10.0.0.{number}, username: u, credentials_file: {tmp_path}/login}}\n"
        for number, host in enumerate(HOSTS[:4], 1)
    )
    (tmp_path / "power.yaml").write_text(power)
    (tmp_path / "login").write_text("secret\n")
    (tmp_path / "login").chmod(0o600)
    (tmp_path / "power.yaml").chmod(0o600)
    configure(CONSUL.format(folder=tmp_path, unchecked="true"))
    return run


def with_bmcs(configure: Configure, tmp_path: Path) -> None:
    configure(CONSUL.format(folder=tmp_path, unchecked="false"))


def test_from_none_each_host_has_its_line(cloud: Run, capsys: Said) -> None:
    assert cloud("simulate", "host:node02", "host:node03", "--hosts", "8") == 0
    out = capsys.readouterr().out
    assert out.startswith("Played from none, nothing was sent: 2 reported.\n")
    assert (
        "host\tnode02\treported\t30.0 s\tnot asked for\tsettled (settling) from 0.0 s until 30.0 s\t" in out
    )
    assert "who reports\tthe monitor of compute-1.\n" in out
    assert "supposed\t2 of 9 hosts are seen lost on every link" in out


def test_a_rack_dies_and_programs_read_it(cloud: Run, capsys: Said) -> None:
    assert cloud("simulate", "--rack", "rack[123]", "--hosts", ",".join(HOSTS), "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["host"] for one in told["hosts"]] == list(HOSTS[2:])
    assert {one["fate"] for one in told["hosts"]} == {"held"}
    assert told["from"] == "none" and told["known"] == 9
    assert [(one["scope"], one["until"]) for one in told["storms"]] == [("all hosts", None)]
    assert told["hosts"][0]["held"][0]["gate"] == "settled"


def test_a_bmc_is_taken_for_proof_where_one_is_named(
    cloud: Run, configure: Configure, tmp_path: Path, capsys: Said
) -> None:
    with_bmcs(configure, tmp_path)
    assert cloud("simulate", "host:node02", "--hosts", "8") == 0
    assert "by its BMC" in capsys.readouterr().out
    assert cloud("simulate", "host:node06", "--hosts", "8") == 1
    out = capsys.readouterr().out
    assert "reported without proof" in out and "none: no BMC is named for it" in out
    assert cloud("simulate", "host:node02", "--hosts", "8", "--no-bmc") == 1
    assert cloud("simulate", "host:node06", "--hosts", "8", "--fenced", "5") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "simulate takes host:NAME"),
        (["host:"], "simulate takes host:NAME"),
        (["node05"], "did you mean host:node05?"),
        (["host:node02", "process:x"], "simulate takes host:NAME"),
        (["process:a", "process:b"], "one process at a time"),
        (["instance:a", "vm:b"], "one instance at a time"),
        (["instance:a", "process:b"], "simulate takes host:NAME"),
        (["host:node99", "--hosts", "8"], "no host is known by the name node99; did you mean"),
        (["host:node02", "--hosts", "0"], "--hosts: 0 is not between"),
        (["host:node02", "--hosts", ","], "--hosts: it names no host"),
        (["host:node02", "--hosts", "8", "--link", "lan"], "no link lan (there is: manage, tenant, storage)"),
        (["--rack", "rack9", "--hosts", "8"], "stands in a failure domain rack9 (there is: rack0,"),
        (["--rack", "*", "--hosts", "a,b"], "no host that is known stands in a failure domain *"),
        (["process:unknown"], "the process list has no unknown"),
    ],
)
def test_what_makes_no_sense_is_a_wrong_argument(
    cloud: Run, words: list[str], said: str, capsys: Said
) -> None:
    assert cloud("simulate", *words) == 2
    assert said in capsys.readouterr().err


def test_nobody_runs_whose_view_could_be_played(cloud: Run, tmp_path: Path, capsys: Said) -> None:
    before = set(tmp_path.rglob("*"))
    assert cloud("simulate", "host:node02") == 3
    assert "Name a cloud with --hosts" in capsys.readouterr().err
    assert set(tmp_path.rglob("*")) == before, "nothing is made by looking"


def test_where_nobody_is_left_nothing_can_be_played(cloud: Run, capsys: Said) -> None:
    assert cloud("simulate", "host:*", "host:compute-1", "--hosts", "compute-1") == 1
    assert "no host is left" in capsys.readouterr().err


def test_a_process_is_played(cloud: Run, tmp_path: Path, capsys: Said) -> None:
    assert cloud("simulate", "process", "never") == 0
    out = capsys.readouterr().out
    assert f"{tmp_path}/never ends; masakari is told" in out and "process\t" in out
    assert cloud("simulate", "process:never", "--within", "1", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["reported"] is None and told["process"] == f"{tmp_path}/never"


# -- from how a monitor stands ------------------------------------------------------------------------


def showing(
    whole: Callable[[Instant], Callable[[], dict[str, JSON]] | None], name: str = "hostmonitor"
) -> MonitorStatus:
    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    return MonitorStatus(Record(name, FakeClock().now()), tuple, lambda: row, whole=whole)


def running(rules: Any, state: Any, now: Instant, name: str = "hostmonitor", **more: JSON) -> MonitorStatus:
    told: dict[str, JSON] = {"now": write(now), "rules": write(rules), "state": write(state), **more}
    return showing(lambda at: lambda: told, name)


async def play(run: Run, status: MonitorStatus, tmp_path: Path, *words: str) -> int:
    async with unix_socket.serve(status, FakeClock(), tmp_path / f"state/{status.record.monitor}.sock"):
        return await asyncio.to_thread(run, "simulate", *words)


async def test_how_the_monitor_stands_is_where_it_begins(cloud: Run, tmp_path: Path, capsys: Said) -> None:
    rules = shipped_policy(own="compute-1", strict=False, lookup=True)
    seen = Play(rules).all_up(*HOSTS).leads({}).registry({**dict.fromkeys(HOSTS, False), "node03": True})
    assert await play(cloud, running(rules, seen.state, seen.now), tmp_path, "host:node0[23]") == 1
    out = capsys.readouterr().out
    assert (
        "as the host monitor here stood at 2026-11-22 08:16:40 UTC, nothing was sent: 1 reported, 1 held"
        in out
    )
    assert "on maintenance in masakari" in out
    assert "judges by another one in: domains" in out


async def test_what_cannot_be_understood_is_not_guessed(cloud: Run, tmp_path: Path, capsys: Said) -> None:
    seen = Play(shipped_policy())
    status = running(seen.rules, seen.state, seen.now)
    told: Any = status.whole(seen.now)()  # type: ignore[misc]
    newer = {**told, "state": {**told["state"], "later": 1}}
    assert await play(cloud, replace(status, whole=lambda at: lambda: newer), tmp_path, "host:node02") == 4
    assert "has later: it is of another version. If it is of another release" in capsys.readouterr().err
    assert await play(cloud, showing(lambda at: None), tmp_path, "host:node02") == 4
    assert "a driver of others' is in use" in capsys.readouterr().err


async def test_another_matrix_is_nothing_that_could_be_played(
    cloud: Run, tmp_path: Path, capsys: Said
) -> None:
    seen = Play(shipped_policy()).all_up("node02")
    cluster = replace(seen.state.cluster, views={"lan": seen.state.cluster.views["manage"]})
    status = running(seen.rules, replace(seen.state, cluster=cluster), seen.now)
    assert await play(cloud, status, tmp_path, "host:node02") == 1
    assert "judges hosts by lan, this configuration by manage" in capsys.readouterr().err


async def test_an_instance_is_played_as_its_monitor_stands(run: Run, tmp_path: Path, capsys: Said) -> None:
    seen = instance_play.Play()
    seen.census(instance_play.running(), instance_play.running(instance_play.OTHER))
    uuid, now = instance_play.INSTANCE.uuid, seen.now
    status = running(seen.policy, seen.state, now, "instancemonitor")
    assert await play(run, status, tmp_path, f"instance:{uuid}") == 0
    out = capsys.readouterr().out
    assert (
        out.startswith("Played as the instancemonitor here stood at ") and "instance-1 is up, and ends" in out
    )
    rows = {
        line.split("\t")[1]: line.split("\t")[2:]
        for line in out.splitlines()
        if line.startswith("instance\t")
    }
    assert {end: row[0] for end, row in rows.items()} == {
        "dies": "reported",
        "panics": "reported",
        "stops": "only filed",
        "host": "with its host",
    }
    assert rows["dies"][1] == "0.0 s" and "supposed\t" in out
    assert "mark\tplayed by this configuration; the monitor that runs judges by another one in: " in out
    held = as_json(silence("s1", now.wall, f"vm:{uuid}"))
    status = running(seen.policy, seen.state, now, "instancemonitor", silences=[held])
    assert await play(run, status, tmp_path, "instance", "instance-1", "--end", "dies", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    (died,) = told["ends"]
    assert (told["instance"], told["from"], died["fate"]) == (uuid, "live", "held")
    assert died["held"].startswith("a silence of ")
    assert await play(run, status, tmp_path, "vm:instance-9") == 2
    assert (
        "no instance is known here by the name instance-9; did you mean instance-" in capsys.readouterr().err
    )


async def test_whom_a_blind_monitor_does_not_know_there_may_be_all_the_same(
    cloud: Run, tmp_path: Path, capsys: Said
) -> None:
    blind = [View("link:cluster", Sight.BLIND, "no corosync")]
    hosts, guests = Play(shipped_policy()), instance_play.Play()
    for name, seen, word in (
        ("hostmonitor", running(hosts.rules, hosts.state, hosts.now), "host:node99"),
        ("instancemonitor", running(guests.policy, guests.state, guests.now, "instancemonitor"), "vm:x"),
    ):
        assert await play(cloud, seen, tmp_path, word) == 2
        assert "blind" not in capsys.readouterr().err
        assert await play(cloud, replace(seen, views=lambda now: blind), tmp_path, word) == 4
        said = f"{name} cannot tell: it is blind (link:cluster: no corosync)"
        assert said in capsys.readouterr().err


def test_an_instance_is_played_from_none_if_that_is_asked_for(run: Run, capsys: Said) -> None:
    assert run("simulate", "instance:x") == 3
    assert "No instancemonitor runs here" in capsys.readouterr().err
    assert run("simulate", "instance:x", "--from-none", "--end", "dies") == 0
    assert "Played from none, nothing was sent: x is up, and ends." in capsys.readouterr().out
