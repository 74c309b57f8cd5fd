"""The source of sightings while a process hangs in the kernel: made up, for no test can hang one."""

import asyncio
import contextlib
import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.processmonitor.core.observation import (
    Entry,
    Observation,
    Presence,
    SeenRunning,
    Sighting,
)
from masakarimonitors.processmonitor.core.recognition.matching import Index, Reason
from masakarimonitors.processmonitor.core.recognition.pattern import AsSeen, Pattern
from masakarimonitors.processmonitor.sources.patterns import follow_again
from masakarimonitors.processmonitor.sources.people import place
from masakarimonitors.processmonitor.sources.processes import Processes
from masakarimonitors.processmonitor.sources.procfs import Scanner
from masakarimonitors.processmonitor.sources.scan import Depth, Found, Scan
from masakarimonitors.processmonitor.sources.stat import read_stat, ticks_now
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.lifeline import executes
from tests.fixtures.open_files import Files, open_files, opened_since
from tests.fixtures.waiting import PATIENCE, eventually, until

# Of a real look at this host's processes: none of it stands still for so long, but what is to hang.
IMPATIENT = 1.0


def begun(argv: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[bytes]:
    """A process that runs its program by now; the caller ends it."""
    process = subprocess.Popen(argv, **options)
    until(lambda: executes(process.pid), "it to run")
    return process


class Hanging:
    """Makes scanners whose first scan hangs on `pid` until `answers` is set."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.answers = threading.Event()

    def __call__(self, index: Index, avoid: frozenset[int]) -> Scanner:
        hanging = self

        class Made(Scanner):
            def scan(
                self,
                own_commands: Collection[int] = (),
                depth: Depth = Depth.FRESH,
                held: Mapping[int, Collection[str]] | None = None,
                sure: Collection[int] = (),
            ) -> Scan:
                if hanging.pid not in self.avoid and not hanging.answers.is_set():
                    self.reading = hanging.pid
                    hanging.answers.wait(60)
                return super().scan(own_commands, depth, held, sure)

        return Made(index, avoid)


@contextlib.asynccontextmanager
async def watching(hanging: Hanging, *names: str) -> AsyncIterator[Processes]:
    source = Processes(SystemClock(), 3600, scanner=hanging, patience=IMPATIENT)
    source.watch([Entry(process_name=name) for name in names])
    emitted: list[Observation] = []
    running = asyncio.create_task(source.run(emitted.append))  # noqa: TID251
    try:
        yield source
    finally:
        hanging.answers.set()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def look(source: Processes, name: str) -> Sighting:
    async with asyncio.timeout(PATIENCE):
        return await source.look(name, 1)


async def test_a_process_that_hangs_since_before_the_start_is_unknown_until_it_answers(
    tmp_path: Path,
) -> None:
    program = tmp_path / "nova-compute-of-this-test"
    shutil.copy("/bin/sleep", program)
    with begun([program, "600"]) as process:
        try:
            hanging = Hanging(process.pid)
            async with watching(hanging, str(program), "/usr/bin/no-such-thing") as source:
                await look(source, str(program))
                assert (await look(source, str(program))).presence is Presence.UNKNOWN
                assert (await look(source, "/usr/bin/no-such-thing")).presence is Presence.GONE
                hanging.answers.set()
                async with asyncio.timeout(PATIENCE):
                    while (await look(source, str(program))).presence is not Presence.RUNNING:
                        pass
        finally:
            process.kill()


async def test_a_look_that_hangs_keeps_no_files_of_others_open(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "cmdline").write_bytes(b"/sbin/init\0")
    (tmp_path / "1" / "exe").symlink_to("/sbin/init")
    shutil.copy("/proc/1/stat", tmp_path / "1" / "stat")
    kept: list[int] = []
    replaced = asyncio.Event()

    class Late(Hanging):
        def __call__(self, index: Index, avoid: frozenset[int]) -> Scanner:
            hanging = self

            class Made(Scanner):
                def scan(self, *asked: Any, **more: Any) -> Scan:
                    if hanging.pid not in self.avoid and not hanging.answers.is_set():
                        super().scan()
                        super().scan()
                        kept.append(opened())
                        self.reading = hanging.pid
                        hanging.answers.wait(60)
                    return super().scan(*asked, **more)

            if avoid:
                replaced.set()
            return Made(index, avoid, proc=str(tmp_path))

    def opened() -> int:
        return sum(place.startswith(f"{tmp_path}/") for _, place in open_files())

    async with watching(Late(7)):
        async with asyncio.timeout(PATIENCE):
            await replaced.wait()
        assert kept == [1]
        assert opened() == 0


class Slow(Scanner):
    """Reads one process after another, for longer than anybody has patience with one; hangs at none."""

    looks = 0
    over = threading.Event()

    @property
    def reading(self) -> int:
        """The next one each time it is asked: the look is over when it was asked four times."""
        self.looks += 1
        if self.looks == 4:
            self.over.set()
        return self.looks

    @reading.setter
    def reading(self, pid: int) -> None:
        pass

    def scan(self, *asked: Any) -> Scan:
        assert self.over.wait(PATIENCE)
        return super().scan(*asked)


async def test_a_look_that_gets_on_is_slow_and_accuses_no_process_of_hanging(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "seen"
    shutil.copy("/bin/sleep", program)
    Slow.over.clear()
    source = Processes(SystemClock(), 3600, scanner=Slow, patience=IMPATIENT)
    source.watch([Entry(process_name=str(program))])
    with begun([program, "600"]) as process:
        running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
        try:
            assert (await look(source, str(program))).presence is Presence.RUNNING
            assert "did not answer" not in caplog.text
        finally:
            running.cancel()
            process.kill()


async def test_a_service_in_the_middle_of_an_exec_is_found_before_others_are_killed(tmp_path: Path) -> None:
    program = tmp_path / "in-its-exec"
    shutil.copy("/bin/sleep", program)
    looks = itertools.count()
    with begun([program, "600"]) as process:

        class InItsExec(Scanner):
            def scan(self, *arguments: Any) -> Scan:
                seen = super().scan(*arguments)
                blank = {process.pid: "it has no command line yet"} if next(looks) < 2 else {}
                return replace(seen, found={}, unseen=blank) if blank else seen

        try:
            source = Processes(SystemClock(), 3600, scanner=InItsExec)
            source.watch([Entry(process_name=str(program))])
            assert await source.services(str(program)) == {process.pid}
        finally:
            process.kill()


@pytest.mark.parametrize("later", [Scan({}, "/proc/7/stat: Too many open files"), TimeoutError()])
async def test_a_service_that_was_found_once_counts_whatever_a_later_look_comes_to(
    later: Scan | TimeoutError, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.count()

    class AtTheLimit(Scanner):
        def scan(self, *arguments: Any) -> Scan:
            if next(looks) == 0:
                return Scan(
                    {"sh": (Found(4242, 1, Reason("it is it")),)}, "", {1: "it has no command line yet"}
                )
            if isinstance(later, TimeoutError):
                raise later
            return later

    monkeypatch.setattr("masakarimonitors.processmonitor.sources.processes.may_run", lambda *_: True)
    source = Processes(SystemClock(), 3600, scanner=AtTheLimit)
    source.watch([Entry(process_name="sh")])
    services = await source.services("sh")
    assert {4242, 1} <= services, "who cannot be read and may be it is not killed either"
    assert next(looks) > 1


async def test_where_nothing_can_be_seen_it_is_not_said_that_no_service_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever is not among the services is killed."""

    class Blind(Scanner):
        def scan(self, *arguments: Any) -> Scan:
            return Scan({}, "/proc/7/stat: Too many open files")

    monkeypatch.setattr("masakarimonitors.processmonitor.sources.processes._EXEC_PAUSES", (0.0, 0.0))
    source = Processes(SystemClock(), 3600, scanner=Blind)
    source.watch([Entry(process_name="sh")])
    with pytest.raises(OSError, match="Too many open files"):
        await source.services("sh")


async def test_while_all_of_the_list_runs_the_regular_look_takes_turns_and_else_it_reads_everything() -> None:
    us = Found(os.getpid(), read_stat(os.getpid()).started, Reason("it is it"), (5,))
    found, depths = {"sh": (us,)}, list[tuple[Depth, list[int]]]()

    class Keeping(Scanner):
        def scan(self, *arguments: Any) -> Scan:
            _commands, depth, _held, sure = arguments
            depths.append((depth, [*sure]))
            return Scan(dict(found))

    clock = FakeClock()
    source = Processes(clock, 5, scanner=Keeping)
    source.watch([Entry(process_name="sh")])
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251

    async def after(seconds: float) -> tuple[Depth, list[int]]:
        count = len(depths)
        await clock.advance(seconds)
        await eventually(lambda: len(depths) > count, "a look")
        await source.look("sh", 1)  # what it has shown is taken in by then
        return depths[count]

    try:
        await source.look("sh", 1)
        assert await after(5) == (Depth.TURNS, [os.getpid()])
        source.command_started(4242)
        assert (await after(5))[0] is Depth.FRESH, "a command of ours runs"
        source.command_ended(4242)
        source.watch([Entry(process_name="sh"), Entry(process_name="bash")])
        await source.look("sh", 1)
        assert (await after(5))[0] is Depth.FRESH, "one is gone"
    finally:
        running.cancel()


async def test_who_asks_for_a_look_that_fails_is_answered_by_the_next_one(tmp_path: Path) -> None:
    made, looks = made_up(tmp_path), itertools.count()

    class FailsOnce(Scanner):
        def scan(self, *arguments: Any) -> Scan:
            if next(looks) == 0:
                raise RuntimeError("no thread can be started")
            return made(self.index, self.avoid).scan(*arguments)

    source = Processes(SystemClock(), 3600, scanner=FailsOnce)
    source.watch([Entry(process_name="sh")])
    asked = asyncio.get_running_loop().create_task(source.look("sh", 7))
    await asyncio.sleep(0)  # it has asked by then
    with pytest.raises(ExceptionGroup, match="unhandled"):
        await source.run(lambda observation: None)
    assert not asked.done()
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        assert (await asked).in_reply_to == 7
    finally:
        running.cancel()


async def test_who_cannot_see_the_host_calls_nothing_gone(tmp_path: Path) -> None:
    program = tmp_path / "seen"
    shutil.copy("/bin/sleep", program)
    source = Processes(SystemClock(), 3600, blindness="this monitor stands in a pid namespace of its own")
    source.watch([Entry(process_name=str(program)), Entry(process_name="/usr/bin/no-such-thing")])
    with begun([program, "600"]) as process:
        running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
        try:
            unseen = await look(source, "/usr/bin/no-such-thing")
            assert (unseen.presence, "pid namespace" in unseen.evidence) == (Presence.UNKNOWN, True)
            assert (await look(source, str(program))).presence is Presence.RUNNING
        finally:
            running.cancel()
            process.kill()


@pytest.mark.parametrize(("was_down", "presence"), [(True, Presence.GONE), (False, Presence.RUNNING)])
async def test_a_worker_that_was_left_over_in_the_last_life_is_not_its_server(
    was_down: bool, presence: Presence, tmp_path: Path
) -> None:
    program = tmp_path / "svc"
    shutil.copy("/bin/sleep", program)
    name = str(program)
    with begun(["svc: worker process", "600"], executable=program) as process:
        try:
            began = read_stat(process.pid).started
            await eventually(lambda: ticks_now() > began + 1, "a later moment")
            clock = SystemClock()
            source = Processes(clock, 3600, down={name: clock.now().wall} if was_down else {})
            source.watch([Entry(process_name=name)])
            running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
            try:
                assert (await look(source, name)).presence is presence
            finally:
                running.cancel()
        finally:
            process.kill()


async def test_whom_a_user_that_is_added_excludes_counts_no_more(tmp_path: Path) -> None:
    program = tmp_path / "svc"
    shutil.copy("/bin/sleep", program)
    name = str(program)
    source = Processes(SystemClock(), 3600)
    with begun([program, "600"]) as process:
        running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
        try:
            for user, presence in (
                (None, Presence.RUNNING),
                (str(os.geteuid()), Presence.RUNNING),
                (str(os.geteuid() + 1), Presence.GONE),
            ):
                source.watch([Entry(process_name=name, user=user)])
                seen = await look(source, name)
                assert seen.presence is presence
            assert seen.evidence == f"pid {process.pid} is not of the user that the list gives"
            assert f"pid {process.pid} shows" in seen.mention, "as for a user that was mistyped"
        finally:
            running.cancel()
            process.kill()


async def test_an_entry_of_an_unknown_user_is_unknown() -> None:
    source = Processes(SystemClock(), 3600)
    source.watch([Entry(process_name="/usr/bin/no-such-thing", user="no-such-user")])
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        seen = await look(source, "/usr/bin/no-such-thing")
        assert seen.presence is Presence.UNKNOWN and "user" in seen.evidence
    finally:
        running.cancel()


async def test_whose_text_is_shown_is_mentioned_until_it_was_seen_running(tmp_path: Path) -> None:
    agent = tmp_path / "some-agent"
    shutil.copy("/bin/sleep", agent)
    source = Processes(SystemClock(), 3600)
    source.watch([Entry(process_name=f"{tmp_path}/some-ag")])
    with begun([agent, "600"]) as process:
        running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
        try:
            seen = await look(source, f"{tmp_path}/some-ag")
            assert seen.presence is Presence.GONE and f"pid {process.pid} shows" in seen.mention
        finally:
            running.cancel()
            process.kill()


LOGGED_IN = "0::/user.slice/user-1000.slice/session-3.scope\n"


def begin(folder: Path, pid: int, *argv: str, exe: str = "", user: int = 0, groups: str = "") -> None:
    """One more process of a host that is made up; where one of this pid runs on this host, it is that old."""
    try:
        started = read_stat(pid).started
    except OSError:
        started = 100
    one = folder / str(pid)
    one.mkdir(parents=True)
    (one / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in argv))
    (one / "stat").write_text(f"{pid} (x) S 1 {pid} {pid} 0 0 0 {'0 ' * 12}{started} 0 0 0 5 5 5\n")
    (one / "status").write_text(f"Uid:\t{user}\t{user}\t{user}\t{user}\n")
    (one / "cgroup").write_text(groups)
    (one / "exe").symlink_to(exe or argv[0])


def made_up(folder: Path) -> Callable[[Index, frozenset[int]], Scanner]:
    """Scanners of this host, on which init runs, and what else is begun."""
    begin(folder, 1, "/sbin/init")
    return lambda index, avoid: Scanner(index, avoid, proc=str(folder))


def of_a_person(folder: Path, *argv: str) -> Callable[[Index, frozenset[int]], Scanner]:
    """Scanners of a host on which an ordinary user runs this, as the only process but init."""
    begin(folder, 7, *argv, exe="/usr/bin/bash", user=65534, groups=LOGGED_IN)
    return made_up(folder)


async def test_the_look_before_a_command_sees_who_has_executed_the_service_under_the_same_words(
    tmp_path: Path,
) -> None:
    """As a wrapper does, or a launcher that waits for something first."""
    service = "/usr/bin/nova-compute"
    source = Processes(SystemClock(), 3600, scanner=made_up(tmp_path))
    source.watch([Entry(process_name=service)])
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        with begun(["sleep", "600"]) as process:
            begin(tmp_path, process.pid, "nova: launcher", exe="/usr/libexec/wrapper")
            assert (await look(source, service)).presence is Presence.GONE
            executable = tmp_path / str(process.pid) / "exe"
            executable.unlink()
            executable.symlink_to(service)
            seen = await look(source, service)
            process.kill()
            assert seen.presence is Presence.RUNNING
    finally:
        running.cancel()


async def test_whose_text_is_shown_is_mentioned_in_the_look_that_learns_of_another_entry(
    tmp_path: Path,
) -> None:
    scanner, service = made_up(tmp_path), "0::/system.slice/nova-compute.service\n"
    python = "/usr/bin/python3"
    begin(tmp_path, 8, "/opt/agent/run-it", "/opt/agent/agent.cfg")
    source = Processes(SystemClock(), 3600, scanner=scanner)
    source.watch([Entry(process_name="/usr/bin/nova-compute"), Entry(process_name="/opt/agent/agent")])
    emitted: list[Observation] = []
    with begun(["sleep", "600"]) as nova:
        begin(tmp_path, nova.pid, python, "/usr/bin/nova-compute", exe=python, user=42436, groups=service)
        running = asyncio.create_task(source.run(emitted.append))  # noqa: TID251
        try:
            seen = await look(source, "/opt/agent/agent")
            assert (
                SeenRunning("/usr/bin/nova-compute", frozenset({42436}), frozenset({"nova-compute.service"}))
                in emitted
            )
            assert seen.presence is Presence.GONE and "pid 8 shows" in seen.mention
        finally:
            running.cancel()
            nova.kill()


async def test_a_persons_process_makes_it_unknown_whether_a_service_that_was_never_seen_runs(
    tmp_path: Path,
) -> None:
    name = "/usr/bin/some-agent"
    source = Processes(SystemClock(), 3600, scanner=of_a_person(tmp_path / "proc", "bash", name))
    source.watch([Entry(process_name=name)])
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        seen = await look(source, name)
        assert seen.presence is Presence.UNKNOWN and "`user: 65534`" in seen.evidence
    finally:
        running.cancel()


@pytest.mark.parametrize(
    "argv", [("bash", "/usr/bin/some-agent"), ("bash", "-x", "/", "/usr/bin/some-agent")]
)
async def test_a_service_that_an_earlier_life_has_seen_is_dead_whatever_people_run(
    tmp_path: Path, argv: tuple[str, ...]
) -> None:
    name = "/usr/bin/some-agent"
    scanner = of_a_person(tmp_path / "proc", *argv)
    source = Processes(SystemClock(), 3600, scanner=scanner, seen={name: AsSeen()})
    source.watch([Entry(process_name=name)])
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        seen = await look(source, name)
        assert (seen.presence, seen.mention) == (Presence.GONE, "")
    finally:
        running.cancel()


async def test_what_an_earlier_life_has_seen_and_is_not_on_the_first_list_is_met_anew(tmp_path: Path) -> None:
    name = "/usr/bin/some-agent"
    scanner = of_a_person(tmp_path / "proc", "bash", name)
    source = Processes(SystemClock(), 3600, scanner=scanner, seen={name: AsSeen()})
    source.watch([Entry(process_name="/usr/bin/another")])
    source.watch([Entry(process_name=name)])
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        assert (await look(source, name)).presence is Presence.UNKNOWN
    finally:
        running.cancel()


@pytest.mark.parametrize(
    ("argv", "exe", "user"),
    [
        (("/usr/bin/some-agent",), "/usr/lib/some-agent/agent.real", 0),  # exec -a, as root
        (("bash", "/usr/bin/some-agent"), "/usr/bin/bash", 65534),
    ],
)
async def test_what_may_be_the_service_is_left_alive_when_its_commands_time_is_up(
    tmp_path: Path, argv: tuple[str, ...], exe: str, user: int
) -> None:
    name = "/usr/bin/some-agent"
    scanner = made_up(tmp_path)
    begin(tmp_path, 7, *argv, exe=exe, user=user)
    begin(tmp_path, 8, "/bin/sh", "-c", f"{name} &", exe="/usr/bin/dash")
    source = Processes(SystemClock(), 3600, scanner=scanner)
    source.watch([Entry(process_name=name)])
    assert await source.services(name) == {7}


@pytest.mark.parametrize(
    ("argv", "user", "groups"),
    [
        (("/usr/bin/some-agent",), 0, "0::/system.slice/some-agent.service\n"),  # exec -a, as root
        (("bash", "/usr/bin/some-agent"), 65534, "0::/openrc.some-agent\n"),
        (("bash", "/usr/bin/some-agent"), 65534, ""),
    ],
)
async def test_what_may_be_a_service_that_was_seen_before_is_no_proof_that_it_is_dead(
    tmp_path: Path, argv: tuple[str, ...], user: int, groups: str
) -> None:
    name = "/usr/bin/some-agent"
    scanner = made_up(tmp_path)
    exe = "/usr/lib/some-agent/agent.real" if user == 0 else "/usr/bin/bash"
    begin(tmp_path, 7, *argv, exe=exe, user=user, groups=groups)
    source = Processes(SystemClock(), 3600, scanner=scanner, seen={name: AsSeen()})
    source.watch([Entry(process_name=name)])
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        seen = await look(source, name)
        assert seen.presence is Presence.UNKNOWN and "pid 7 is not surely the service" in seen.evidence
    finally:
        running.cancel()


async def test_a_wrapper_that_shows_its_name_is_no_proof_that_the_service_is_dead_after_it_was_restarted(
    tmp_path: Path,
) -> None:
    name, service = "/usr/sbin/some-agent", "0::/system.slice/some-agent.service\n"
    scanner = made_up(tmp_path)
    source = Processes(SystemClock(), 3600, scanner=scanner)
    source.watch([Entry(process_name=name)])
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        with begun(["sleep", "600"]) as script:
            begin(tmp_path, script.pid, "/bin/sh", name, exe="/usr/bin/dash", groups=service)
            assert (await look(source, name)).presence is Presence.RUNNING
            shutil.rmtree(tmp_path / str(script.pid))
            begin(tmp_path, 7, name, exe="/usr/lib/some-agent/agent.real", groups=service)
            script.kill()
        seen = await look(source, name)
        assert seen.presence is Presence.UNKNOWN and "pid 7 is not surely the service" in seen.evidence
        shutil.rmtree(tmp_path / "7")
        assert (await look(source, name)).presence is Presence.GONE
    finally:
        running.cancel()


async def test_a_stranger_among_the_services_does_not_stand_for_a_dead_one_whose_user_and_unit_were_seen(
    tmp_path: Path,
) -> None:
    name, python = "/usr/bin/some-agent", "/usr/bin/python3"
    source = Processes(SystemClock(), 3600, scanner=made_up(tmp_path))
    source.watch([Entry(process_name=name)])
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        with begun(["sleep", "600"]) as agent:
            its = "0::/system.slice/some-agent.service\n"
            begin(tmp_path, agent.pid, python, name, exe=python, user=42, groups=its)
            assert (await look(source, name)).presence is Presence.RUNNING
            begin(tmp_path, 7, python, name, exe=python, user=33, groups="0::/system.slice/apache2.service\n")
            assert (await look(source, name)).presence is Presence.RUNNING
            shutil.rmtree(tmp_path / str(agent.pid))
            agent.kill()
        seen = await look(source, name)
        assert seen.presence is Presence.UNKNOWN and "user 33 in apache2.service" in seen.evidence
    finally:
        running.cancel()


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(
    "container",
    [
        "0::/lxc.payload.c1/system.slice/some-agent.service\n",
        "0::/containers.slice/systemd-nspawn@c1.service/payload/system.slice/some-agent.service\n",
        "0::/system.slice/docker-0123.scope\n",
    ],
)
async def test_a_container_that_runs_the_same_hides_no_dead_service_of_the_host_beside_which_it_ran(
    tmp_path: Path, container: str, early: bool
) -> None:
    """What comes later may be where the service has moved to."""
    name = "/usr/bin/some-agent"
    source = Processes(SystemClock(), 3600, scanner=made_up(tmp_path))
    source.watch([Entry(process_name=name)])
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        with begun(["sleep", "600"]) as agent:
            begin(tmp_path, agent.pid, name, groups="0::/system.slice/some-agent.service\n")
            if early:
                begin(tmp_path, 7, name, groups=container)
            for _look in range(2):
                seen = await look(source, name)
            agent.kill()
        assert seen.presence is Presence.RUNNING
        shutil.rmtree(tmp_path / str(agent.pid))
        if not early:
            begin(tmp_path, 7, name, groups=container)
        seen = await look(source, name)
        assert seen.presence is (Presence.GONE if early else Presence.UNKNOWN)
        assert "pid 7 is not surely the service" in seen.evidence
    finally:
        running.cancel()


async def test_that_a_service_was_seen_is_told_once_for_the_next_life(tmp_path: Path) -> None:
    agent = tmp_path / "some-agent"
    shutil.copy("/bin/sleep", agent)
    unit = place("/proc/self", Path("/proc/self/status").read_bytes()).unit
    once = SeenRunning(str(agent), frozenset({os.geteuid()}), frozenset({unit}))
    for before, told in (({}, [once]), ({str(agent): AsSeen(once.users, once.units)}, [])):
        source = Processes(SystemClock(), 3600, seen=before)
        source.watch([Entry(process_name=str(agent))])
        emitted: list[Observation] = []
        with begun([agent, "600"]) as process:
            running = asyncio.create_task(source.run(emitted.append))  # noqa: TID251
            try:
                for _look in range(2):
                    assert (await look(source, str(agent))).presence is Presence.RUNNING
                assert [one for one in emitted if isinstance(one, SeenRunning)] == told
            finally:
                running.cancel()
                process.kill()


async def test_by_which_process_it_runs_is_told_anew_when_that_one_has_ended(tmp_path: Path) -> None:
    agent = tmp_path / "some-agent"
    shutil.copy("/bin/sleep", agent)
    source = Processes(SystemClock(), 3600)
    source.watch([Entry(process_name=str(agent))])
    emitted: list[Observation] = []
    processes = [begun([agent, "600"]) for _ in range(2)]
    running = asyncio.create_task(source.run(emitted.append))  # noqa: TID251
    try:
        await look(source, str(agent))
        (told,) = [one for one in emitted if isinstance(one, Sighting)]
        first, second = sorted(processes, key=lambda one: told.evidence.index(str(one.pid)))
        first.kill()
        first.wait()
        await eventually(lambda: len([one for one in emitted if isinstance(one, Sighting)]) == 2, "the news")
        again = emitted[-1]
        assert isinstance(again, Sighting) and again.presence is Presence.RUNNING
        assert f"pid {second.pid}:" in again.evidence
    finally:
        running.cancel()
        for process in processes:
            process.kill()
            process.wait()


async def test_a_dead_program_is_not_held_by_one_whose_name_begins_with_its_own(tmp_path: Path) -> None:
    dead, alive = tmp_path / "corosync", tmp_path / "corosync-qdevice"
    for program in (dead, alive):
        shutil.copy("/bin/sleep", program)
    source = Processes(SystemClock(), 3600)
    source.watch([Entry(process_name=str(dead))])
    with begun([alive, "600"]) as process:
        running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
        try:
            seen = await look(source, str(dead))
            assert (seen.presence, seen.mention) == (Presence.GONE, "")
        finally:
            running.cancel()
            process.kill()


async def test_few_descriptors_hold_the_first_of_each_and_more_hold_the_others(tmp_path: Path) -> None:
    programs = [tmp_path / "one", tmp_path / "two"]
    for program in programs:
        shutil.copy("/bin/sleep", program)
    allowed = [6]
    source = Processes(SystemClock(), 3600, descriptors=lambda: allowed[0])
    source.watch([Entry(process_name=str(program)) for program in programs])
    processes = [begun([program, "600"]) for program in programs for _ in range(4)]
    before = open_files()
    running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
    try:
        for program in programs:
            assert (await look(source, str(program))).presence is Presence.RUNNING
        assert held_since(before) == 3
        allowed[0] = 100  # and nothing else is another than before
        await look(source, str(programs[0]))
        assert held_since(before) == 8
        for process in processes[:4]:
            process.kill()
            process.wait()
        async with asyncio.timeout(PATIENCE):
            while (await look(source, str(programs[0]))).presence is not Presence.GONE:
                pass
        assert (await look(source, str(programs[1]))).presence is Presence.RUNNING
    finally:
        running.cancel()
        for process in processes:
            process.kill()
            process.wait()


def held_since(before: Files) -> int:
    return sum("pidfd" in leads_to for _, leads_to in opened_since(before))


async def test_a_link_that_does_not_answer_holds_up_nobody(tmp_path: Path) -> None:
    program = tmp_path / "seen"
    shutil.copy("/bin/sleep", program)
    answers, asked = threading.Event(), threading.Event()

    def hangs(
        patterns: Sequence[Pattern], entries: Sequence[Entry], links_only: bool = False
    ) -> tuple[Pattern, ...]:
        asked.set()
        answers.wait(60)
        return follow_again(patterns, entries, links_only)

    source = Processes(SystemClock(), 3600, patience=IMPATIENT, follow=hangs)
    source.watch([Entry(process_name=str(program)), Entry(process_name="/usr/bin/a-link-perhaps")])
    with begun([program, "600"]) as process:
        running = asyncio.create_task(source.run(lambda observation: None))  # noqa: TID251
        try:
            assert (await look(source, str(program))).presence is Presence.RUNNING
            assert (await look(source, "/usr/bin/a-link-perhaps")).presence is Presence.UNKNOWN
            assert asked.is_set() and not answers.is_set()
            answers.set()
            async with asyncio.timeout(PATIENCE):
                while (await look(source, "/usr/bin/a-link-perhaps")).presence is not Presence.GONE:
                    pass
        finally:
            answers.set()
            running.cancel()
            process.kill()
