"""The whole process monitor on real processes: restarts, reports, reloads."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.fixtures.lifeline import alive
from tests.fixtures.waiting import eventually
from tests.integration.process.rig import Watching, Zoo, pid_in

pytestmark = pytest.mark.xdist_group("process")

SERVICE = """
import os, sys, time
with open(sys.argv[0] + ".pid.new", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[0] + ".pid.new", sys.argv[0] + ".pid")
while True:
    time.sleep(60)
"""


def service(zoo: Zoo, name: str = "nova-compute") -> Path:
    """A program that writes its pid beside itself."""
    return zoo.script(name, SERVICE)


def starts(script: Path) -> str:
    """A command line that starts it as a daemon."""
    return f"sh -c 'setsid {script} < /dev/null > /dev/null 2>&1 &'"


def pid_of(script: Path) -> int:
    return pid_in(Path(f"{script}.pid"))


async def kill(script: Path) -> int:
    """It is seen before it has written its pid."""
    await eventually(lambda: alive(pid_of(script)), "its pid")
    pid = pid_of(script)
    os.kill(pid, signal.SIGKILL)
    return pid


async def test_a_dead_process_is_restarted_and_not_reported(zoo: Zoo, watching: Watching) -> None:
    script = service(zoo)
    watching.list(
        {"process_name": str(script), "start_command": starts(script), "restart_command": starts(script)}
    )
    async with watching.at_work():
        await watching.runs(script)
        for _ in range(2):
            before = await kill(script)
            await eventually(lambda before=before: pid_of(script) != before, "it to be restarted")  # type: ignore[misc]
            await watching.runs(script)
    assert watching.accepted == []
    assert "recovered" in watching.rulings(script)


async def test_pre_and_post_commands_run_around_the_restart(zoo: Zoo, watching: Watching) -> None:
    script, log = service(zoo), zoo.folder / "log"
    watching.list(
        {
            "process_name": str(script),
            "start_command": starts(script),
            "pre_restart_command": f"sh -c \"echo 'before it' >> {log}\"",
            "restart_command": starts(script),
            "post_restart_command": f"sh -c 'echo after >> {log}; echo noise >&2'",
        }
    )
    async with watching.at_work():
        await watching.runs(script)
        await kill(script)
        await eventually(lambda: log.exists() and "after" in log.read_text(), "the post command")
        await watching.runs(script)
    assert log.read_text() == "before it\nafter\n"


async def test_r15_what_runs_already_is_not_started(zoo: Zoo, watching: Watching) -> None:
    script = service(zoo)
    zoo.run(script)
    await eventually(lambda: pid_of(script), "the service")
    watching.list({"process_name": str(script), "start_command": f"touch {zoo.folder}/started"})
    async with watching.at_work():
        await watching.runs(script)
    assert not (zoo.folder / "started").exists()
    assert alive(pid_of(script))


async def test_what_stays_gone_is_reported_once_and_back_up_is_seen(zoo: Zoo, watching: Watching) -> None:
    script = service(zoo)
    first = zoo.run(script)
    watching.list({"process_name": str(script), "restart_command": "sh -c 'echo no such unit >&2; exit 5'"})
    async with watching.at_work():
        await watching.runs(script)
        zoo.kill(first)
        (report,) = await watching.reported(1)
        await eventually(lambda: watching.rulings(script).count("acted") >= 3, "a slow try after the report")
        zoo.run(script)
        await watching.runs(script)
    assert report.payload == {"event": "STOPPED", "process_name": "nova-compute"}
    assert (report.type, report.hostname) == ("PROCESS", "node1")
    assert len(watching.accepted) == 1
    reported = next(v for v in watching.verdicts if v.ruling.value == "reported")
    assert "exited 5" in reported.evidence and "no such unit" in reported.evidence


async def test_r5_a_restart_that_works_on_the_last_retry_reports_nothing(
    zoo: Zoo, watching: Watching
) -> None:
    script, tries = service(zoo), zoo.folder / "tries"
    first = zoo.run(script)
    begins = f"rm {script}.pid; setsid {script} > /dev/null 2>&1 & while ! test -e {script}.pid; do sleep 0.05; done"
    command = f"echo x >> {tries}; [ $(wc -l < {tries}) -lt 3 ] || {{ {begins}; }}; exit 1"
    watching.list({"process_name": str(script), "restart_command": f"sh -c '{command}'"})
    async with watching.at_work(restart_retries=2):
        await watching.runs(script)
        await eventually(lambda: pid_of(script), "its pid")
        zoo.kill(first)
        await eventually(lambda: "recovered" in watching.rulings(script), "its recovery")
        await watching.runs(script)
    assert watching.accepted == []
    assert len(tries.read_text().splitlines()) == 3


async def test_r16_fifty_that_die_at_once_are_all_restarted_side_by_side(
    zoo: Zoo, watching: Watching
) -> None:
    # Each restart command ends only when all fifty have begun: one after the other they would time out.
    binary = zoo.binary("fifty")
    names = [zoo.folder / f"service-{n}" for n in range(50)]
    processes = []
    for name in names:
        os.link(binary, name)
        processes.append(zoo.run(name, "1000"))
    begun = zoo.folder / "begun"
    begun.mkdir()
    wait = f"while [ $(ls {begun} | wc -l) -lt 50 ]; do sleep 0.1; done"
    watching.list(
        *(
            {
                "process_name": str(name),
                "restart_command": f"sh -c 'touch {begun}/{name.name}; {wait}; setsid {name} 1000 > /dev/null 2>&1 &'",
            }
            for name in names
        )
    )
    async with watching.at_work():
        await watching.runs(*names)
        for process in processes:
            process.kill()
        await eventually(
            lambda: all("recovered" in watching.rulings(name) for name in names), "all fifty to be back"
        )
    assert watching.accepted == []


async def test_a_hung_command_is_killed_with_its_children_and_counts_as_failed(
    zoo: Zoo, watching: Watching
) -> None:
    script = service(zoo)
    first = zoo.run(script)
    hung = f"sh -c 'sleep 1001 & echo $! > {zoo.folder}/child; wait'"
    watching.list({"process_name": str(script), "restart_command": hung})
    async with watching.at_work(restart_retries=0, command_timeout=1):
        await watching.runs(script)
        zoo.kill(first)
        await watching.reported(1)
        # Of a try that was slow to begin there is none; then of a later one.
        child = await eventually(lambda: pid_in(zoo.folder / "child"), "the child of a try")
        await eventually(lambda: not alive(child), "the hung command's child to be killed")


async def test_a_daemon_that_keeps_the_output_of_its_restart_command_holds_nothing_up(
    zoo: Zoo, watching: Watching
) -> None:
    script = service(zoo)
    first = zoo.run(script)
    watching.list({"process_name": str(script), "restart_command": f"sh -c 'setsid {script} & sleep 0.1'"})
    async with watching.at_work(command_timeout=50):
        await watching.runs(script)
        zoo.kill(first)
        await eventually(lambda: "recovered" in watching.rulings(script), "its recovery")
        await eventually(lambda: pid_of(script) != first.pid, "its pid")
    assert alive(pid_of(script))


async def test_a_crash_loop_ends_in_a_report(zoo: Zoo, watching: Watching) -> None:
    script = zoo.script("crasher", "import time; time.sleep(0.5)")
    watching.list({"process_name": str(script), "restart_command": starts(script)})
    async with watching.at_work(restart_retries=2, restart_interval=2):
        (report,) = (await watching.reported(1))[:1]
    assert report.payload["process_name"] == "crasher"


async def test_the_list_is_changed_while_the_monitor_runs(zoo: Zoo, watching: Watching) -> None:
    one, two = service(zoo, "one"), service(zoo, "two")
    zoo.run(one)
    second = zoo.run(two)
    watching.list({"process_name": str(one)})
    async with watching.at_work():
        await watching.runs(one)
        watching.list({"process_name": str(two), "restart_command": starts(two)})
        await watching.runs(two)
        assert watching.state_of(str(one)) == ""
        zoo.kill(second)
        await eventually(lambda: "recovered" in watching.rulings(two), "the new entry's restart")
    assert watching.rulings(one) == []


async def test_r13_a_list_broken_in_mid_run_changes_nothing_but_the_status(
    zoo: Zoo, watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    script = service(zoo)
    first = zoo.run(script)
    watching.list({"process_name": str(script), "restart_command": starts(script)})
    async with watching.at_work():
        await watching.runs(script)
        watching.list_path.write_text("- process_name: x\n  restart_comand: y\n")
        assert watching.running is not None
        status = watching.running.status
        await eventually(lambda: any(row.alarm for row in status.subjects()), "the status to say so")
        assert any("line 2, column 3" in record.getMessage() for record in caplog.records)
        zoo.kill(first)
        await eventually(lambda: "recovered" in watching.rulings(script), "the last good list to be in force")


async def test_sighup_reads_the_list_again(zoo: Zoo, watching: Watching) -> None:
    script = service(zoo)
    zoo.run(script)
    watching.list()
    async with watching.at_work():
        stamp = watching.list_path.stat()
        watching.list_path.write_text(f"- process_name: {script}\n")
        os.utime(watching.list_path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        os.kill(os.getpid(), signal.SIGHUP)
        await watching.runs(script)


async def test_a_restart_of_a_python_service_replaced_on_disk(zoo: Zoo, watching: Watching) -> None:
    script = service(zoo)
    first = zoo.run(sys.executable, "-u", script)
    watching.list({"process_name": str(script), "restart_command": starts(script)})
    async with watching.at_work():
        await watching.runs(script)
        new = zoo.script("new", SERVICE)
        new.rename(script)
        assert watching.state_of(str(script)) == "running"
        zoo.kill(first)
        await eventually(lambda: "recovered" in watching.rulings(script), "its recovery")
