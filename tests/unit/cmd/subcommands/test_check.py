"""`masakari-monitors check`: one line for each thing, and an exit code that says whether any must be mended."""

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
import pytest
from oslo_config import cfg

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.checks import twins
from masakarimonitors.cmd.subcommands import check
from masakarimonitors.cmd.subcommands.check import agents_reached, instances_seen
from masakarimonitors.conf import loader
from masakarimonitors.core.finding import Finding, Weight, ok
from masakarimonitors.libvirt.faults import Unavailable
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.status import unix_socket
from masakarimonitors.system.clock import SystemClock
from masakarimonitors.system.files import mounts
from tests.fixtures.fake_lists import FakeLists
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.kubernetes_replay import Replay
from tests.fixtures.standstill import some_turns, stand_still
from tests.unit.cmd.conftest import Configure, Run


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else runs on the computer that runs the tests is no part of them."""
    monkeypatch.setattr(twins, "_running", lambda proc: iter(()))


def faults(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("FAULT")]


def test_what_is_in_order_is_said(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run("check", "--offline")
    lines = capsys.readouterr().out.splitlines()
    # Whether guests and hosts can be watched is a matter of the host on which this runs.
    assert code == bool(faults(lines))
    for line in (
        "ok       this host is called compute-1",
        f"ok       state is kept in {tmp_path}/state",
        "ok       processmonitor can work here",
    ):
        assert line in lines


def test_a_folder_for_state_that_does_not_stay_is_a_warning_unless_it_is_wanted_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mounts, "look", lambda folder: "it is memory")
    for wanted, line in (("false", "warning  state is kept in"), ("true", "ok       state is kept in")):
        monkeypatch.setenv("OS_DEFAULT__STATE_MAY_BE_LOST", wanted)
        run("check", "--offline")
        (said,) = [one for one in capsys.readouterr().out.splitlines() if "state is kept in" in one]
        assert said.startswith(line) and ("does not survive: it is memory" in said) is (wanted == "false")


def test_what_each_entry_of_the_process_list_matches_is_shown(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.yaml").write_text(
        f"- process_name: {sys.executable}\n- process_name: {tmp_path}/never\n"
    )
    run("check", "--offline")
    lines = [line for line in capsys.readouterr().out.splitlines() if " process " in line]
    assert len(lines) == 2
    assert f"process {tmp_path}/never: nothing that runs matches it" in lines[1]


def test_what_a_file_says_in_vain_is_a_warning_and_no_fault(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    run("check", "--offline")
    before = faults(capsys.readouterr().out.splitlines())
    configure("[proces]\n")
    run("check", "--offline")
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if "[proces]" in line]
    assert line.startswith("warning  ") and "did you mean process?" in line
    assert faults(lines) == before


def test_a_monitor_that_can_never_work_is_a_fault_and_the_others_are_looked_at(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("[libvirt]\nconnection_uri = system\n")
    assert run("check", "--offline") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in faults(lines) if "FAULT    instancemonitor: [libvirt] connection_uri" in line]
    assert "ok       processmonitor can work here" in lines


def test_an_api_that_nobody_named_is_a_fault(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(api="")
    assert run("check", "--offline") == 1
    assert "FAULT    [api] does not say how masakari-api is reached" in capsys.readouterr().out


async def test_the_cluster_engine_is_asked_unless_nobody_is_to_be(
    run: Run, configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = {
        "metadata": {"name": "compute-1"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    async with Replay([node]).serve() as server, Receiver(":memory:", SystemClock()).serve() as url:
        server.brief, server.watch_status = True, 403
        kubeconfig = server.kubeconfig(tmp_path)
        configure(
            f"[host]\nmonitoring_driver = kubernetes\n[kubernetes]\nkubeconfig = {kubeconfig}\n",
            api=f"auth_type = none\nendpoint = {url}/v1\n",
        )
        await asyncio.to_thread(run, "check")
        lines = capsys.readouterr().out.splitlines()
        assert "ok       kubernetes: this host is the Node compute-1" in lines, lines
        assert [line for line in lines if line.startswith("warning  kubernetes: the nodes cannot be watched")]
        before = len(faults(lines))
        server.status = 503
        assert await asyncio.to_thread(run, "check") == 1
        lines = capsys.readouterr().out.splitlines()
        assert len(faults(lines)) == before + 1
        asked = server.lists
        await asyncio.to_thread(run, "check", "--offline")
        assert "kubernetes: " not in capsys.readouterr().out and server.lists == asked


async def test_an_api_that_knows_this_host_is_in_order_and_maintenance_is_a_warning(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver = Receiver(":memory:", SystemClock())
    async with receiver.serve() as url:
        configure(api=f"auth_type = none\nendpoint = {url}/v1\n")
        await asyncio.to_thread(run, "check")
        said = capsys.readouterr().out
        assert "warning  this is `masakari-monitors receiver`, no masakari-api" in said

        report = {
            "type": "PROCESS",
            "hostname": "compute-1",
            "generated_time": "2026-11-22T08:05:00",
            "payload": {"event": "STOPPED", "process_name": "x"},
        }
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{url}/v1/notifications", json={"notification": report}) as answer,
        ):
            assert answer.status == 202
        await asyncio.to_thread(run, "check")
        said = capsys.readouterr().out
        assert "ok       masakari-api knows compute-1 in segment embedded-receiver" in said
        assert "on maintenance" not in said and "masakari-api" not in "".join(faults(said.splitlines()))

        await receiver.set_maintenance("compute-1", True)
        await asyncio.to_thread(run, "check")
        assert "warning  compute-1 is on maintenance in masakari" in capsys.readouterr().out


def test_a_host_is_found_on_whatever_page_and_a_disabled_segment_is_a_warning(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeMasakari() as masakari:
        hosts = ["compute-1", *(f"compute-{number}" for number in range(2, 6))]
        masakari.lists = FakeLists({"rack-1": hosts, "rack-2": []}, longest=2)
        masakari.lists.disabled.add("rack-1")
        configure(api=f"auth_type = none\nendpoint = {masakari.endpoint()}\n")
        run("check")
    said = capsys.readouterr().out
    assert "ok       masakari-api knows compute-1 in segment rack-1" in said
    assert "warning  segment rack-1 is disabled" in said


def test_asking_guest_agents_is_tried_for_it_is_a_right_of_its_own(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("libvirt", reason="libvirt's Python binding is not installed")
    uri = "qemu+tcp://127.0.0.1:1/system"
    configure(f"[libvirt]\nconnection_uri = {uri}\n")
    run("check")
    said = f"warning  introspectiveinstancemonitor: no guest agent at {uri} can be asked: libvirt at {uri}"
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith(said)]
    run("check", "--offline")
    assert "guest agent" not in capsys.readouterr().out


def test_a_missing_right_is_a_fault_and_what_may_pass_is_a_warning() -> None:
    for said, words in (
        (agents_reached, "no guest agent at qemu:///system can be asked: it says no"),
        (instances_seen, "no instance of qemu:///system can be seen: it says no"),
    ):
        assert said("qemu:///system", None).weight is Weight.OK
        for refused, weight in ((True, Weight.FAULT), (False, Weight.WARNING)):
            found = said("qemu:///system", Unavailable("it says no", refused=refused))
            assert found.weight is weight and found.text.endswith(words)


def test_a_host_that_masakari_does_not_know_is_a_fault(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeMasakari(["compute-1.example.org"]) as masakari:
        configure(api=f"auth_type = none\nendpoint = {masakari.endpoint()}\n")
        assert run("check", "--monitor", "processmonitor") == 1
    said = capsys.readouterr().out
    assert "FAULT    masakari-api answers, but compute-1 is in none of its 1 segments" in said
    assert "Nearly so called: compute-1.example.org in segment all (with its domain)" in said


def test_all_is_fine_with_warnings_and_exit_code_0(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeMasakari(["compute-1"]) as masakari:
        masakari.lists.on_maintenance.add("compute-1")
        configure(api=f"auth_type = none\nendpoint = {masakari.endpoint()}\n")
        assert run("check", "--monitor", "processmonitor") == 0
    said = capsys.readouterr().out
    assert "warning  compute-1 is on maintenance" in said and "FAULT" not in said
    assert "hostmonitor" not in said and "instancemonitor" not in said


def test_a_program_gets_one_document(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", "--offline", "--json", "--monitor", "processmonitor") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["fine"], document["faults"]) == (True, 0)
    assert {"weight": "ok", "about": "processmonitor", "text": "processmonitor can work here"} in document[
        "findings"
    ]
    assert {"weight", "about", "text"} == set().union(*document["findings"])
    configure("[process]\ncheck_interval = soon\n")
    assert run("check", "--offline", "--json") == 1
    document = json.loads(capsys.readouterr().out)
    (only,) = document["findings"]
    assert (document["fine"], document["faults"], document["warnings"]) == (False, 1, 0)
    assert (only["weight"], only["about"]) == ("fault", "configuration")
    assert "[process] check_interval = soon" in only["text"]


def test_a_wrong_argument_is_2(run: Run) -> None:
    with pytest.raises(SystemExit) as ended:
        run("check", "--monitor", "nomonitor")
    assert ended.value.code == 2


def test_credentials_that_are_missing_are_one_line(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(api="auth_type = password\nauth_url = http://127.0.0.1:9/v3\nproject_name = service\n")
    assert run("check", "--monitor", "processmonitor") == 1
    (line,) = faults(capsys.readouterr().out.splitlines())
    assert line.startswith("FAULT    masakari-api is out of reach: no token or endpoint from keystone")


async def test_a_look_that_fails_or_takes_too_long_says_so_and_hides_no_other() -> None:
    async def breaks() -> list[Finding]:
        raise RuntimeError("unforeseen")

    async def hangs() -> list[Finding]:
        await asyncio.Event().wait()
        return []

    async def works() -> list[Finding]:
        return [ok("fine")]

    looks = [check.Look("one", breaks), check.Look("two", hangs, 0.01), check.Look("three", works)]
    found = await check._each(looks)
    assert [(one.about, one.weight) for one in found] == [
        ("one", Weight.FAULT),
        ("two", Weight.FAULT),
        ("three", Weight.OK),
    ]
    assert "RuntimeError: unforeseen" in found[0].text and "no answer to everything within" in found[1].text


async def test_while_one_holds_up_all_no_other_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """To build a monitor on a slow computer takes long, and nothing else is heard of meanwhile."""

    async def holds_up() -> list[Finding]:
        stand_still(monkeypatch, 3600.0)
        return []

    async def works() -> list[Finding]:
        await some_turns()
        return [ok("fine")]

    found = await check._each([check.Look("one", works), check.Look("two", holds_up)])
    assert [(one.about, one.weight) for one in found] == [("one", Weight.OK)]


def test_a_name_in_a_file_forges_no_line(
    run: Run, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("[process]\n\x1b[2Jcheck = 1\n")
    run("check", "--offline")
    said = capsys.readouterr().out
    assert (
        r"unknown option [process] \x1b[2Jcheck is ignored" in said and said.replace("\n", "").isprintable()
    )


@pytest.mark.parametrize(
    ("shown", "reports"),
    [
        ({"subjects": [{"subject": "reporter", "state": "this monitor"}]}, True),
        ({"subjects": [{"subject": "reporter", "state": "node02"}]}, False),
        ({"subjects": []}, False),
        ({"an": "earlier release"}, False),
        ([], False),
        (ConnectionRefusedError(), False),
    ],
)
async def test_the_reporter_asks_bmcs_and_no_other(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, shown: object, reports: bool
) -> None:
    def read(path: Path) -> object:
        if isinstance(shown, Exception):
            raise shown
        return shown

    async def check_power(conf: cfg.ConfigOpts) -> list[Finding]:
        return [ok("asked")]

    monkeypatch.setattr(unix_socket, "read", read)
    monkeypatch.setattr(wiring.monitor_module("hostmonitor"), "check_power", check_power)
    conf = loader.load(["--config-file", str(configure())], default_config_dirs=[])
    assert bool(await check._bmcs(conf, asked=False)) is reports
    assert await check._bmcs(conf, asked=True)


def test_of_a_shadow_it_says_so_and_asks_no_guest(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OS_DEFAULT_SHADOW", "true")
    run("check", "--offline", "--shadow")
    said = capsys.readouterr().out
    assert "variable OS_DEFAULT_SHADOW is ignored; did you mean OS_DEFAULT__SHADOW?" in " ".join(said.split())
    assert "warning  [DEFAULT] shadow = true: these monitors only look" in said
    assert f"{tmp_path}/state/shadow" in said and "introspectiveinstancemonitor" not in said
    assert run("check", "--offline", "--shadow", "--monitor", "introspectiveinstancemonitor") == 1
    assert "there is no shadow of the introspective monitor" in capsys.readouterr().out
