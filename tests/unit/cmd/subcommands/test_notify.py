"""`notify --test`: what is sent where, and what is said of what becomes of it."""

import asyncio
import json

import pytest

from masakarimonitors.cmd.subcommands import notify
from masakarimonitors.conf import loader
from masakarimonitors.core.notification import VmNotification
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_clock import SteppedClock
from tests.fixtures.waiting import eventually
from tests.unit.cmd.conftest import Configure, Run


def test_without_more_words_nothing_leaves_this_host(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("notify", "--test", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["accepted"] and said["status"] == "finished" and said["host"] == "compute-1"
    assert "embedded receiver took it as" in said["text"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("node05", "node06"), "names two hosts, node05 and node06: nothing was sent"),
        (("no host", "no host"), "masakari-api takes no such name; nothing was sent"),
    ],
)
def test_a_slip_names_nobody(
    run: Run, capsys: pytest.CaptureFixture[str], words: tuple[str, str], why: str
) -> None:
    assert run("notify", "--test", "--live", *words) == 2
    assert why in capsys.readouterr().err


async def test_live_it_goes_where_reports_go_and_says_nothing_on_which_the_engine_acts(
    configure: Configure, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver = Receiver(":memory:", SystemClock(), finishes=True, known_hosts=["node05"])
    async with receiver.serve() as url:
        configure(api=f"auth_type = none\nendpoint = {url}/v1\n")
        assert await asyncio.to_thread(run, "notify", "--test", "--live", "node05", "node05") == 0
        (row,) = await receiver.notifications()
        assert await asyncio.to_thread(run, "notify", "--test", "--live", "node06", "node06") == 1
    assert row.hostname == "node05"
    assert (row.payload["event"], row.payload["vir_domain_event"]) == ("LIFECYCLE", "SUSPENDED_PAUSED")
    told = capsys.readouterr()
    assert "reports of node05 arrive" in told.out
    assert "masakari-api refused it" in told.err and "node06" in told.err
    assert await asyncio.to_thread(run, "notify", "--test", "--live", "node05", "node05") == 4
    assert "masakari-api is out of reach" in capsys.readouterr().err


async def test_an_engine_that_does_not_act_is_told(configure: Configure) -> None:
    clock = SteppedClock()
    receiver = Receiver(":memory:", SystemClock())  # nobody finishes anything
    async with receiver.serve() as url:
        file = configure(api=f"auth_type = none\nendpoint = {url}/v1\n")
        conf = loader.load(["--config-file", str(file)], default_config_dirs=[])
        report = VmNotification(
            "node05",
            SystemClock().now().wall,
            event="LIFECYCLE",
            instance_uuid="5f0c7a2e-3c1b-4f7e-9a55-0c2d8f1b6a77",
            vir_domain_event="SUSPENDED_PAUSED",
        )
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(notify._send(conf, report, clock, live=True))
            for _ in range(30):
                await eventually(lambda: clock.waiting or sending.done(), "it to wait until it looks again")
                assert not sending.done()
                await clock.advance(2.0)
        said = sending.result()
    assert said.code == 1 and said.accepted and said.status == "new"
    assert "after 60 s it is still new there" in said.text and "Is masakari-engine running" in said.text


def test_a_shadow_sends_nothing_to_anybody(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OS_DEFAULT__SHADOW", "true")
    assert run("notify", "--test", "--live", "node05", "node05") == 2
    assert "nothing was sent" in capsys.readouterr().err
