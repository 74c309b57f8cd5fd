"""The power_config_file while a prover runs: read again, it replaces what it said; a broken one is a fault."""

import os
import threading
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.power.bmc import InFile
from masakarimonitors.hostmonitor.power.prover import PowerConfigFault, PowerPolicy, Prover
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.waiting import PATIENCE, eventually
from tests.unit.hostmonitor.power.test_prover import device, listed


def test_it_says_something_else_and_what_was_learned_stays(tmp_path: Path) -> None:
    path = listed(tmp_path)
    prover = Prover(PowerPolicy(config_file=path), FakeClock())
    prover.learn({"n7": (device("learned", "192.0.2.77"),)})
    (first,) = prover.addresses("n1")
    (file,) = prover.files()
    assert file.path == str(path) and file.read() == file.in_force
    path.write_text(path.read_text().replace(first.host, "192.0.2.99"))
    assert file.read() != file.in_force
    assert file.apply is not None
    file.apply(file.read())
    assert [one.host for one in prover.addresses("n1")] == ["192.0.2.99"]
    assert [one.host for one in prover.addresses("n7")] == ["192.0.2.77"]


def test_a_broken_one_is_a_fault_and_changes_nothing(tmp_path: Path) -> None:
    path = listed(tmp_path)
    prover = Prover(PowerPolicy(config_file=path), FakeClock())
    before, (file,) = prover.addresses("n1"), prover.files()
    path.write_text("n1: {}\n")
    with pytest.raises(PowerConfigFault, match="driver is missing"):
        file.read()
    assert prover.addresses("n1") == before


def test_there_is_none_without_a_file() -> None:
    assert Prover(PowerPolicy(), FakeClock()).files() == ()


async def test_whoever_learns_of_bmcs_does_not_wait_for_the_disk_with_their_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads the file on the loop never comes back here."""
    path, answers, plain = tmp_path / "none", threading.Event(), os.open

    def hang(place: str | os.PathLike[str], *arguments: int, **more: int) -> int:
        if place == path:
            assert answers.wait(PATIENCE)
        return plain(place, *arguments, **more)

    monkeypatch.setattr(os, "open", hang)
    prover = Prover(PowerPolicy(), FakeClock())
    prover.learn({"n1": (device("d", secret=InFile(path)),)})
    assert len(prover.addresses("n1")) == 1 and not caplog.messages
    answers.set()
    await eventually(lambda: f"d: {path} cannot be read" in caplog.text, "the complaint")
    prover.close()
