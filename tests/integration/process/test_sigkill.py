"""The monitor killed with SIGKILL at any point between a death and its report: reported, once."""

import asyncio
import signal

import pytest

from tests.fixtures.lifeline import alive
from tests.fixtures.waiting import eventually
from tests.integration.process.rig import Watching, Zoo

pytestmark = pytest.mark.xdist_group("process")


# After so many restart commands it is killed: before the first try is over, between two tries, after the
# last try's command, and (with the receiver away) when the report is on disk and not delivered.
@pytest.mark.parametrize("kill_after", ["death", "try 1", "try 2", "report on disk", "delivery"])
async def test_r16_sigkill_between_death_and_report_is_reported_once(
    zoo: Zoo, watching: Watching, kill_after: str
) -> None:
    binary, tries = zoo.binary("nova-compute"), zoo.folder / "tries"
    service = zoo.run(binary, "1000")
    watching.list({"process_name": str(binary), "restart_command": f"sh -c 'echo x >> {tries}; exit 1'"})
    async with watching.receiving():
        good = watching.url
        if kill_after == "report on disk":
            watching.url = "http://127.0.0.1:9"  # the discard port: nobody answers there
        # Killed before it has noted that a command has failed, the next life gives the service its time to appear.
        watching.configure(start_patience=0)
        running = watching.process.start()
        try:
            await eventually(lambda: f"process {binary}" in running.text(), "the monitor")
            # A moment in which it has surely seen the process: it answers a death with a command.
            zoo.kill(service)
            if kill_after == "report on disk":
                await eventually(lambda: "reported" in running.text(), "the report")
            elif kill_after == "delivery":
                await watching.reported(1)
            elif kill_after != "death":
                lines = int(kill_after[-1])
                await eventually(
                    lambda: tries.exists() and len(tries.read_text().splitlines()) >= lines, kill_after
                )
            running.signal(signal.SIGKILL)
            watching.url = good
            watching.configure(start_patience=0)
            running.start()
            await watching.reported(1)
            # Long enough for it to look, try and (wrongly) report again.
            before = len(tries.read_text().splitlines()) if tries.exists() else 0
            await eventually(lambda: len(tries.read_text().splitlines()) >= before + 1, "another try")
            await asyncio.sleep(0)
        finally:
            running.stop()
    assert [report.payload["process_name"] for report in watching.accepted] == ["nova-compute"]


async def test_sigterm_ends_it_within_a_moment_and_with_0_and_leaves_commands_and_services_alone(
    zoo: Zoo, watching: Watching
) -> None:
    service = zoo.script("service", "while :; do sleep 60; done", interpreter="/bin/sh")
    pids = zoo.folder / "pids"
    command = zoo.script("command", f"{service} & echo $$ $! > {pids}; wait", interpreter="/bin/sh")
    watching.list({"process_name": str(service), "restart_command": str(command)})
    async with watching.receiving():
        watching.configure()
        running = watching.process.start()
        await eventually(lambda: pids.exists() and len(pids.read_text().split()) == 2, "a command at work")
        # One that it does not know of yet ends with it.
        await eventually(lambda: "running its restart_command" in running.text(), "that the monitor knows it")
        code = await asyncio.to_thread(running.signal, signal.SIGTERM)
    assert code == 0
    assert all(alive(int(pid)) for pid in pids.read_text().split())
    assert "goes on without this monitor" in running.text()


@pytest.mark.parametrize(
    ("text", "says"),
    [("- proces_name: x\n", "line 1, column 3"), (None, "cannot be read"), ("", "is empty")],
)
async def test_r13_a_bad_list_at_start_is_named_and_ends_it(
    watching: Watching, text: str | None, says: str
) -> None:
    if text is not None:
        watching.list_path.write_text(text)
    async with watching.receiving():
        watching.configure()
        done = await asyncio.to_thread(watching.process.run)
    assert done.returncode != 0
    assert says in done.stderr and str(watching.list_path) in done.stderr
    assert "Traceback" not in done.stderr
