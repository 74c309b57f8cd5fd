"""What is held runs until it ends: titles, execs and moments in between, with real processes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.core.observation import Presence
from tests.fixtures.open_files import open_files, opened_since
from tests.fixtures.waiting import eventually
from tests.integration.process.rig import Eyesight, Zoo

pytestmark = pytest.mark.xdist_group("process")

REWRITES = """
import ctypes, os, time
while not os.path.exists(__file__ + ".go"):
    time.sleep(0.01)
fields = open("/proc/self/stat").read().rpartition(")")[2].split()
start, end = int(fields[45]), int(fields[46])
ctypes.memmove(start, (b"idle: waiting for jobs" + bytes(4096))[: end - start], end - start)
while True:
    time.sleep(60)
"""

EXECUTES_ITSELF = 'exec "$0" -c "$1" "$0" "$1"'
"""For a small shell, called as itself and told this once more: a thousand times a second and more."""


async def test_a_title_without_its_name_in_it_is_the_same_process(zoo: Zoo) -> None:
    script = zoo.script("retitled", REWRITES)
    process = zoo.run(script)
    cmdline = Path(f"/proc/{process.pid}/cmdline")
    async with Eyesight(check_interval=0.2).at_work(str(script)) as eyes:
        await eyes.comes_to_see(str(script))
        Path(f"{script}.go").touch()
        await eventually(lambda: cmdline.read_bytes().startswith(b"idle"), "the new title")
        for _ in range(5):
            assert await eyes.sees(str(script))
        assert eyes.told_for_sure == [Presence.RUNNING]
        zoo.kill(process)
        gone = await eyes.is_told(Presence.GONE, str(script))
    assert gone.evidence == f"pid {process.pid} ended"


async def test_a_program_that_executes_itself_anew_all_the_time_runs(zoo: Zoo) -> None:
    """Of every twenty looks at its command line, one finds none at all."""
    program = zoo.binary("again", "sh")
    process = zoo.run(program, "-c", EXECUTES_ITSELF, program, EXECUTES_ITSELF)
    async with Eyesight(check_interval=0.2).at_work(str(program)) as eyes:
        await eyes.comes_to_see(str(program))
        looks, end = 0, time.monotonic() + 60  # fewer where each takes long
        while looks < 1000 and time.monotonic() < end:
            assert await eyes.sees(str(program))
            looks += 1
        assert eyes.told_for_sure == [Presence.RUNNING]
    assert process.poll() is None


async def test_a_release_switched_behind_a_link_is_the_service_that_runs_from_it(zoo: Zoo) -> None:
    for release in ("one", "two"):
        (zoo.folder / release).mkdir()
        zoo.binary("svc").rename(zoo.folder / release / "svc")
    current = zoo.folder / "current"
    current.symlink_to("one")
    name = str(current / "svc")
    first = zoo.run(zoo.folder / "one" / "svc", "1000")
    async with Eyesight().at_work(name) as eyes:
        await eyes.comes_to_see(name)
        (zoo.folder / "new").symlink_to("two")
        (zoo.folder / "new").rename(current)
        assert await eyes.sees(name)  # what runs is held, wherever the link leads
        zoo.kill(first)
        zoo.run(zoo.folder / "two" / "svc", "1000")
        await eyes.comes_to_see(name)


async def test_the_death_of_a_master_is_seen_while_its_worker_lives(zoo: Zoo) -> None:
    binary = zoo.binary("zoo-nginx")
    master = zoo.run_as(f"zoo-nginx: master process {binary}", binary, "1000")
    worker = zoo.run_as("zoo-nginx: worker process", binary, "1000")
    await eventually(lambda: all(is_itself(one, "zoo-nginx: ") for one in (master, worker)), "the titles")
    async with Eyesight().at_work("zoo-nginx") as eyes:
        # A worker whose master was never seen stands for the service: here both have been.
        assert await eyes.sees("zoo-nginx")
        zoo.kill(master)
        gone = await eyes.is_told(Presence.GONE, "zoo-nginx")
    assert worker.poll() is None and "only workers or sessions" in gone.evidence


async def test_of_very_many_processes_some_are_held_and_the_last_one_counts(zoo: Zoo) -> None:
    binary = zoo.binary("many")
    crowd = [zoo.run(binary, "1000") for _ in range(50)]
    before = open_files()
    async with Eyesight().at_work(str(binary)) as eyes:
        await eyes.comes_to_see(str(binary))
        await eventually(lambda: all(is_itself(one, binary) for one in crowd), "all to be themselves")
        assert await eyes.sees(str(binary))
        assert 0 < sum("pidfd" in leads_to for _, leads_to in opened_since(before)) <= 32
        for process in crowd[:-1]:
            zoo.kill(process)
        assert await eyes.sees(str(binary))
        zoo.kill(crowd[-1])
        await eyes.comes_to_miss(str(binary))


def is_itself(process: subprocess.Popen[bytes], called: str | Path) -> bool:
    return Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(os.fsencode(called))


DEEP = """
import os, shutil, sys
os.chdir(sys.argv[1])
for _ in range(20):
    os.mkdir("d" * 250)
    os.chdir("d" * 250)
shutil.copy("/bin/sleep", "deep")
os.execv("./deep", ["./deep", "1000"])
"""


async def test_a_program_from_a_path_too_long_to_be_told_blinds_nobody(zoo: Zoo) -> None:
    hostile = zoo.run(sys.executable, "-c", DEEP, zoo.folder)
    cmdline = Path(f"/proc/{hostile.pid}/cmdline")
    await eventually(lambda: cmdline.read_bytes().startswith(b"./deep"), "it to run from there")
    with pytest.raises(OSError, match="too long"):
        os.readlink(f"/proc/{hostile.pid}/exe")
    binary = zoo.binary("innocent")
    process = zoo.run(binary, "1000")
    async with Eyesight().at_work(str(binary)) as eyes:
        await eyes.comes_to_see(str(binary))
        zoo.kill(process)
        await eyes.is_told(Presence.GONE, str(binary))
