"""A shadow's process monitor starts nothing: what it was to run counts as done by whoever runs it."""

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.processmonitor import unacted
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    CommandKey,
    Entry,
    Look,
    LookUpMaintenance,
    MaintenanceSeen,
    Run,
    Sighting,
    Watch,
)
from masakarimonitors.processmonitor.unacted import Unacted
from tests.fixtures.fake_clock import EPOCH

NOW = Instant(1.0, EPOCH)


class Eyes:
    def __init__(self) -> None:
        self.watched: list[Sequence[Entry]] = []
        self.looked: list[str] = []

    def watch(self, entries: Sequence[Entry]) -> None:
        self.watched.append(entries)

    async def look(self, process_name: str, request_id: int) -> Sighting:
        self.looked.append(process_name)
        raise LookupError(process_name)


async def maintenance() -> MaintenanceSeen:
    return MaintenanceSeen(None, NOW)


async def test_a_command_is_told_and_not_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    mark = tmp_path / "acted"
    key = next(iter(CommandKey))
    run = Run(
        process_name="nova-compute",
        request_id=7,
        what=key,
        command_line=f"touch {mark} --password hidden",
        run_as_root=True,
    )
    done = await Unacted(Eyes(), maintenance).perform(run)
    assert isinstance(done, CommandEnded) and (done.in_reply_to, done.exit_code) == (7, 0)
    assert "would have been run as root; a shadow runs nothing" in done.evidence
    assert f"touch {mark}" in caplog.text and "hidden" not in caplog.text and not mark.exists()


async def test_it_looks_as_ever() -> None:
    eyes = Eyes()
    effects = Unacted(eyes, maintenance)
    await effects.perform(Watch(()))
    with pytest.raises(LookupError):
        await effects.perform(Look("nova-compute", 1))
    assert eyes.watched == [()] and eyes.looked == ["nova-compute"]
    assert await effects.perform(LookUpMaintenance()) == MaintenanceSeen(None, NOW)


def test_the_module_knows_nothing_that_starts_a_program() -> None:
    tree = ast.parse(Path(unacted.__file__).read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [
        name for name in names if name and ("system" in name or "effects" in name or "privileged" in name)
    ]
