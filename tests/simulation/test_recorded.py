"""What every monitor decided in a storm of faults comes of its recording again, step by step."""

from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.rehearsal.kinds import kinds
from tests.fixtures.tape import Tape, replay
from tests.simulation.cloud import Cloud, Monitor


@pytest.mark.parametrize("elected", [True, False], ids=["elected", "all"])
@pytest.mark.parametrize("seed", range(3))
def test_a_recording_makes_the_same_decisions(
    seed: int, elected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, tapes = kinds(), dict[str, Tape]()
    boot = Monitor.boot

    def recorded(monitor: Monitor) -> None:
        boot(monitor)
        name = f"{monitor.host}-{monitor.life}"
        tapes[name] = Tape(tmp_path, known, name)
        tapes[name].listen(monitor.play, monitor.rules)

    monkeypatch.setattr(Monitor, "boot", recorded)
    cloud = Cloud(seed, hosts=6, monitors=3, elected=elected)
    cloud.run(20.0)
    for _ in range(12):
        host = cloud.random.choice(cloud.hosts)
        cloud.die(host)
        cloud.run(cloud.random.choice([3.0, 30.0]))
        cloud.revive(cloud.random.choice(cloud.hosts))
        cloud.run(cloud.random.choice([3.0, 30.0]))
    steps = reports = 0
    for tape in tapes.values():
        recording = tape.read()
        assert recording.remarks == []
        replayed = replay(recording, known)
        assert replayed.other == 0, replayed.differences
        steps += replayed.steps
        then = [one for segment in recording.segments for step in segment.steps for one in step.reports]
        assert [one for _, one in replayed.reports] == then
        reports += len(then)
    assert steps > 100 and reports > 0, (steps, reports)
