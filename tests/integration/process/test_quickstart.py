"""The services of the quickstart under the real monitor: started once, and then nothing happens to them."""

import contextlib
import os
import shutil
import signal
import uuid
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.sources.process_list import read
from tests.fixtures.waiting import eventually
from tests.integration.process.rig import Watching

pytestmark = pytest.mark.xdist_group("process")

QUICKSTART = Path(__file__).parents[3] / "etc" / "quickstart"


def copies(folder: str) -> list[int]:
    """The pids of what runs out of this folder, which is named by a relative path alone."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            if len(words) > 2 and words[1].startswith(f"{folder}/".encode()) and b"-service" in words[1]:
                found.append(int(entry.name))
    return sorted(found)


async def test_the_services_of_the_quickstart_are_started_once_and_left_alone_by_the_next_life(
    watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are named by relative paths, which fit such services of any folder: so the folder has a name of its own."""
    own = f"quickstart-{uuid.uuid4().hex}"
    shutil.copytree(QUICKSTART, tmp_path / own)
    text = (QUICKSTART / "process_list.yaml").read_text().replace("etc/quickstart", own)
    watching.list_path.write_text(text)
    names = [entry.process_name for entry in read(str(watching.list_path))]
    monkeypatch.chdir(tmp_path)
    try:
        async with watching.at_work():
            for name in names:
                await eventually(lambda name=name: "recovered" in watching.rulings(name), f"{name}")  # type: ignore[misc]
                assert [ruling for ruling in watching.rulings(name) if ruling != "acted"] == ["recovered"]
            started = copies(own)
            assert len(started) == len(names) == 2
        watching.verdicts.clear()
        async with watching.at_work():
            await watching.runs(*names)
        assert copies(own) == started
        assert watching.verdicts == [] and watching.accepted == []
    finally:
        for pid in copies(own):
            os.kill(pid, signal.SIGKILL)
