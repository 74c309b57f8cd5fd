"""`masakari-monitors web` beside real monitors: it shows each as it is, and survives what becomes of them."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.fake_masakari import FakeMasakari
from tests.integration.web.rig import GUESTS, PROCESS, Rig, Web


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with FakeMasakari(["compute-1"]) as masakari, Rig(tmp_path, masakari).at_work() as rig:
        yield rig


def test_an_address_that_cannot_be_had_is_a_fault_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = Web("web", tmp_path, {"web": {"listen": listen}}).run()
    assert done.returncode == 1 and f"[web] listen = {listen} cannot be had" in done.stderr, done.stderr


def test_page_probes_and_metrics_follow_whatever_becomes_of_a_monitor(rig: Rig) -> None:
    web, up = rig.web, f'masakari_monitors_up{{monitor="{PROCESS}"}} '

    def follows(words: str, answers: bool) -> None:
        """By every signal."""
        said = web.until("healthz", f"{PROCESS}: {words}" if words else f"{PROCESS}: ", gone=not words)
        assert f": {GUESTS} " in said, "the other one is as it was"
        assert web.get("readyz")[0] == 503 and web.get("livez") == (200, "OK\n")
        metrics = web.get("metrics")[1]
        assert f"{up}{float(answers)}\n" in metrics
        assert f'masakari_monitors_up{{monitor="{GUESTS}"}} 1.0\n' in metrics
        health = [line for line in metrics.splitlines() if line.startswith("masakari_monitors_health{")]
        assert any(f'monitor="{PROCESS}"' in line for line in health) == answers
        assert any(f'monitor="{GUESTS}"' in line for line in health)

    rig.monitor.until_shown(f"process:{rig.program}", "running")
    web.until("metrics", f"{up}1.0")
    web.until("healthz", f": {GUESTS} ")  # it has no libvirt, once it has looked for one
    follows("", answers=True)
    os.kill(rig.monitor.pid, signal.SIGSTOP)
    follows("does not answer", answers=False)
    os.kill(rig.monitor.pid, signal.SIGCONT)
    follows("", answers=True)
    rig.monitor.signal(signal.SIGKILL)
    follows("dead", answers=False)
    rig.monitor.start()
    rig.monitor.until_shown(f"process:{rig.program}", "running")
    follows("", answers=True)
    assert rig.monitor.signal(signal.SIGTERM) == 0
    follows("was stopped", answers=False)
    assert web.signal(signal.SIGTERM) == 0
