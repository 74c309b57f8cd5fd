"""R14 with real programs: what must be taken for the process, and what must not."""

import asyncio
import contextlib
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from masakarimonitors.processmonitor.core.observation import Presence
from masakarimonitors.processmonitor.core.recognition.matching import Index
from masakarimonitors.processmonitor.core.recognition.pattern import Pattern
from masakarimonitors.processmonitor.sources.procfs import Scanner
from masakarimonitors.processmonitor.sources.scan import Depth
from tests.fixtures.lifeline import alive
from tests.fixtures.waiting import PATIENCE, eventually
from tests.integration.process.rig import Eyesight, Zoo, pid_in

pytestmark = pytest.mark.xdist_group("process")

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: makes a pid namespace")


def contains(path: Path, what: bytes) -> bool:
    return what in path.read_bytes()


async def found(zoo: Zoo, name: str | Path, process: subprocess.Popen[bytes]) -> None:
    """It is seen while it runs and told gone when it is killed."""
    async with Eyesight().at_work(str(name)) as eyes:
        await eyes.comes_to_see(str(name))
        zoo.kill(process)
        await eyes.is_told(Presence.GONE, str(name))


async def test_r14_a_script_run_by_its_interpreter(zoo: Zoo) -> None:
    script = zoo.script("nova-compute")
    await found(zoo, script, zoo.run(script, "--config-file", "x"))


async def test_r14_a_script_behind_interpreter_options(zoo: Zoo) -> None:
    script = zoo.script("nova-compute")
    await found(zoo, script, zoo.run(sys.executable, "-u", "-W", "ignore", script))


async def test_r14_a_module(zoo: Zoo) -> None:
    zoo.script("zoo_module.py")
    await found(zoo, "zoo_module", zoo.run(sys.executable, "-m", "zoo_module", cwd=zoo.folder))


async def test_r14_a_shell_script(zoo: Zoo) -> None:
    script = zoo.script("service", "while :; do sleep 60; done", interpreter="/bin/sh -e")
    await found(zoo, script, zoo.run(script))


async def test_r14_several_words_as_the_start_of_the_command_line(zoo: Zoo) -> None:
    script = zoo.script("masakari-hostmonitor")
    await found(zoo, f"{sys.executable} {script}", zoo.run(sys.executable, script, "--verbose"))


async def test_r14_a_bare_name(zoo: Zoo) -> None:
    await found(zoo, "zoo-nova-compute", zoo.run(zoo.script("zoo-nova-compute"), "--x"))


async def test_r14_a_name_longer_than_fifteen_characters(zoo: Zoo) -> None:
    binary = zoo.binary("a-name-that-the-kernel-cuts-short")
    await found(zoo, binary.name, zoo.run(binary, "1000"))


async def test_r14_a_program_that_was_run_by_its_bare_name(zoo: Zoo) -> None:
    binary = zoo.binary("libvirtd")
    await found(zoo, binary, zoo.run_as("libvirtd", binary, "1000"))


async def test_r14_an_executable_that_an_upgrade_replaced(zoo: Zoo) -> None:
    binary = zoo.binary("libvirtd")
    process = zoo.run_as("libvirtd", binary, "1000")
    async with Eyesight().at_work(str(binary)) as eyes:
        await eyes.comes_to_see(str(binary))
    new = zoo.binary("libvirtd.new")
    new.rename(binary)
    assert os.readlink(f"/proc/{process.pid}/exe").endswith(" (deleted)")
    await found(zoo, binary, process)


async def test_r14_a_rewritten_title(zoo: Zoo) -> None:
    binary = zoo.script("nginx", "while :; do sleep 60; done", interpreter="/bin/sh")
    title = f"nginx: master process {binary}"
    process = zoo.run_as(title, zoo.binary("dash", "sh"), "-c", "while :; do sleep 60; done")
    # A shell keeps its options beside its title, as a program without setproctitle does.
    await found(zoo, binary, process)


@NEEDS_ROOT
async def test_r14_a_process_inside_a_container_seen_from_the_host(zoo: Zoo) -> None:
    script = zoo.script("contained-service")
    realm = zoo.run(script, realm=True)
    await found(zoo, script, realm)


async def test_a_program_behind_a_link(zoo: Zoo) -> None:
    binary = zoo.binary("real-service")
    link = zoo.folder / "service"
    link.symlink_to(binary)
    await found(zoo, link, zoo.run(binary, "1000"))


async def test_a_process_whose_first_thread_has_ended_still_runs(zoo: Zoo) -> None:
    script = zoo.script(
        "threads",
        """
        import ctypes, os, threading, time
        threading.Thread(target=time.sleep, args=(1000,)).start()
        while not os.path.exists(__file__ + ".go"):
            time.sleep(0.01)
        ctypes.CDLL(None).syscall(60, 0)  # exit(2): this thread only
        """,
    )
    process = zoo.run(script)
    async with Eyesight().at_work(str(script)) as eyes:
        await eyes.comes_to_see(str(script))
        Path(f"{script}.go").touch()
        await eventually(lambda: not alive(process.pid), "the first thread to end")
        assert await eyes.sees(str(script))
        os.kill(process.pid, 9)
        await eyes.is_told(Presence.GONE, str(script))


async def unseen(name: str | Path, process: subprocess.Popen[bytes], became: str) -> None:
    """It runs, it has become itself, and it is not taken for `name`."""
    cmdline = Path(f"/proc/{process.pid}/cmdline")
    await eventually(lambda: became.encode() in cmdline.read_bytes().split(b"\0")[0], f"{became} to run")
    async with Eyesight().at_work(str(name)) as eyes:
        assert not await eyes.sees(str(name))
    assert process.poll() is None


@pytest.mark.parametrize("bare", [True, False])
async def test_r14_not_a_tail_of_its_log(zoo: Zoo, bare: bool) -> None:
    log = zoo.folder / "zoo-compute.log"
    log.touch()
    name = "zoo-compute" if bare else zoo.folder / "zoo-compute"
    await unseen(name, zoo.run("tail", "-f", log), "tail")


async def test_r14_not_a_tail_of_itself(zoo: Zoo) -> None:
    script = zoo.script("nova-compute")
    await unseen(script, zoo.run("tail", "-f", script), "tail")


async def test_r14_not_an_editor_with_the_path_as_argument(zoo: Zoo) -> None:
    script = zoo.script("nova-compute")
    await unseen(script, zoo.run(zoo.binary("vim", "tail"), "-f", script), "vim")


async def test_r14_not_a_grep_with_the_path_as_argument(zoo: Zoo) -> None:
    script = zoo.script("nova-compute")
    fifo = zoo.folder / "fifo"
    os.mkfifo(fifo)
    keep = os.open(fifo, os.O_RDWR)
    try:
        await unseen(script, zoo.run("grep", "x", fifo, script), "grep")
    finally:
        os.close(keep)


async def test_r14_not_an_interpreter_with_the_path_as_argument(zoo: Zoo) -> None:
    script = zoo.script("nova-compute")
    await unseen(script, zoo.run(sys.executable, "-c", "import time; time.sleep(1000)", script), "python")


async def test_r14_not_a_shell_that_mentions_it(zoo: Zoo) -> None:
    script = zoo.script("nova-compute")
    await unseen(script, zoo.run("sh", "-c", f": {script}; sleep 1000; :"), "sh")


async def test_r14_not_a_zombie(zoo: Zoo) -> None:
    binary = zoo.binary("nova-compute")
    parent = zoo.run(
        sys.executable,
        "-c",
        "import subprocess,sys,time\n"
        "p = subprocess.Popen([sys.argv[1], '1000'])\n"
        "open(sys.argv[1] + '.pid', 'w').write(str(p.pid))\n"
        "time.sleep(1000)\n",
        binary,
    )
    pid_file = Path(f"{binary}.pid")
    await eventually(lambda: pid_in(pid_file), "the child's pid")
    async with Eyesight().at_work(str(binary)) as eyes:
        await eyes.comes_to_see(str(binary))
        os.kill(pid_in(pid_file), 9)
        await eyes.is_told(Presence.GONE, str(binary))
        assert Path(f"/proc/{pid_in(pid_file)}/stat").read_text().split()[2] == "Z"
        assert not await eyes.sees(str(binary))
    assert parent.poll() is None


async def test_r14_not_a_thread(zoo: Zoo) -> None:
    script = zoo.script(
        "host-of-threads",
        """
        import ctypes, sys, threading, time
        def work():
            ctypes.CDLL(None).prctl(15, b"zoo-thread", 0, 0, 0)  # PR_SET_NAME
            open(sys.argv[0] + ".named", "w").close()
            time.sleep(1000)
        threading.Thread(target=work).start()
        """,
    )
    zoo.run(script)
    await eventually(Path(f"{script}.named").exists, "the thread to have its name")
    async with Eyesight().at_work("zoo-thread") as eyes:
        assert not await eyes.sees("zoo-thread")


async def test_r14_not_our_own_command_but_what_it_leaves_behind(zoo: Zoo) -> None:
    script = zoo.script(
        "service",
        """
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                open(__file__ + ".daemon", "w").write(str(os.getpid()))
            else:
                os._exit(0)
        while not os.path.exists(__file__ + ".end"):
            time.sleep(0.01)
        if os.path.exists(__file__ + ".daemon") and str(os.getpid()) == open(__file__ + ".daemon").read():
            time.sleep(1000)
        """,
    )
    command = zoo.run(script)
    await eventually(lambda: pid_in(Path(f"{script}.daemon")), "the daemon")
    daemon = pid_in(Path(f"{script}.daemon"))
    eyes = Eyesight()
    eyes.source.command_started(command.pid)
    async with eyes.at_work(str(script)):
        await eyes.comes_to_see(str(script))
        seen = await eyes.source.look(str(script), 1)
        assert seen.evidence.startswith(f"pid {daemon}: ")
        os.kill(daemon, 9)
        await eyes.is_told(Presence.GONE, str(script))
        assert command.poll() is None


async def test_r14_not_itself(zoo: Zoo) -> None:
    script = zoo.script(
        "monitor",
        f"""
        import asyncio, sys
        sys.path.insert(0, {str(Path(__file__).parents[3])!r})
        from masakarimonitors.processmonitor.core.recognition.matching import Index
        from masakarimonitors.processmonitor.core.recognition.pattern import Pattern
        from masakarimonitors.processmonitor.sources.procfs import Scanner
        print(len(Scanner(Index([Pattern.of(__file__)])).scan().found))
        """,
    )
    seen = await asyncio.to_thread(
        subprocess.run, [str(script)], capture_output=True, check=True, timeout=PATIENCE
    )
    assert seen.stdout == b"0\n"


async def test_of_several_matches_the_last_one_counts(zoo: Zoo) -> None:
    script = zoo.script("worker")
    one, two = zoo.run(script, "1"), zoo.run(script, "2")
    async with Eyesight().at_work(str(script)) as eyes:
        for process in (one, two):
            cmdline = Path(f"/proc/{process.pid}/cmdline")
            await eventually(functools.partial(contains, cmdline, b"worker"), "it to run")
        assert await eyes.sees(str(script))
        zoo.kill(one)
        assert await eyes.sees(str(script))
        zoo.kill(two)
        await eyes.is_told(Presence.GONE, str(script))
    assert eyes.told_for_sure == [Presence.GONE]


async def test_a_process_that_becomes_another_program_is_gone(zoo: Zoo) -> None:
    script = zoo.script(
        "changeling",
        """
        import os, time
        while not os.path.exists(__file__ + ".go"):
            time.sleep(0.01)
        os.execv("/bin/sleep", ["sleep", "1000"])
        """,
    )
    process = zoo.run(script)
    async with Eyesight(check_interval=0.2).at_work(str(script)) as eyes:
        await eyes.comes_to_see(str(script))
        Path(f"{script}.go").touch()
        await eyes.is_told(Presence.GONE, str(script))
    assert process.poll() is None


async def test_a_session_of_a_dead_server_is_not_the_server(zoo: Zoo) -> None:
    binary = zoo.binary("sshd")
    server = zoo.run(binary, "1000")
    session = zoo.run_as("sshd: root@pts/0", binary, "1000")
    for process, called in ((server, bytes(binary)), (session, b"sshd:")):
        cmdline = Path(f"/proc/{process.pid}/cmdline")
        await eventually(functools.partial(contains, cmdline, called), "it to run")
    async with Eyesight().at_work(str(binary)) as eyes:
        assert await eyes.sees(str(binary))
        zoo.kill(server)
        await eyes.is_told(Presence.GONE, str(binary))
    assert session.poll() is None


async def test_what_cannot_be_read_is_unknown(zoo: Zoo) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root: mounts /proc with hidepid and becomes another user")
    script = zoo.script("hidden-service")
    realm = zoo.run(
        "sh",
        "-c",
        f"mount -o remount,hidepid=2 /proc && {script} & sleep 1; mount | grep hidepid;"
        " setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_read_search"
        f" --ambient-caps=+dac_read_search {sys.executable} -c '\n"
        "import sys\n"
        f'sys.path.insert(0, "{Path(__file__).parents[3]}")\n'
        "from masakarimonitors.processmonitor.core.recognition.matching import Index\n"
        "from masakarimonitors.processmonitor.core.recognition.pattern import Pattern\n"
        "from masakarimonitors.processmonitor.sources.procfs import Scanner\n"
        f'print("SCAN", Scanner(Index([Pattern.of("{script}")])).scan())\'',
        realm=True,
        log=zoo.folder / "log",
    )
    await asyncio.to_thread(realm.wait, 60)
    said = (zoo.folder / "log").read_text()
    assert "hidepid?" in said.split("SCAN")[1], said


async def test_a_scan_at_a_death_sees_new_processes_and_passes_over_old_strangers(zoo: Zoo) -> None:
    old, new = zoo.binary("old-stranger"), zoo.binary("successor")
    zoo.run(old, "1000")
    scanner = Scanner(Index([Pattern.of(str(new))]), settled_after=0.0)
    await eventually(lambda: any(b"old-stranger" in line for line in command_lines()), "the stranger")
    scanner.scan()
    zoo.run(new, "1000")
    await eventually(lambda: any(str(new).encode() in line for line in command_lines()), "the successor")
    assert set(scanner.scan(depth=Depth.SUCCESSORS).found) == {str(new)}
    assert set(scanner.scan(depth=Depth.FRESH).found) == {str(new)}


def command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes()
