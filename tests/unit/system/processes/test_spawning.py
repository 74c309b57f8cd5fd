"""A program is started by the C library as subprocess would start it, and by subprocess where the C library cannot."""

import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from masakarimonitors.system.processes import spawning
from masakarimonitors.system.processes.spawning import Child
from tests.fixtures.waiting import PATIENCE


@pytest.fixture(params=[True, False], ids=["posix_spawn", "subprocess"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Child]]:
    library = spawning._library()
    if not request.param:
        monkeypatch.setattr(spawning, "_library", lambda: None)
    elif library is None:
        pytest.skip("this C library cannot close what a program is not to have")
    with open(os.devnull, "rb") as nothing, open(os.devnull, "wb") as away:

        def start(
            *argv: str, stdout: int = away.fileno(), env: Mapping[str, str] | None = None
        ) -> spawning.Child:
            return spawning.start(argv, stdin=nothing.fileno(), stdout=stdout, stderr=away.fileno(), env=env)

        yield start


def test_it_leads_a_session_has_three_descriptors_the_given_environment_and_signals_as_usual(
    run: Callable[..., Child], tmp_path: Path
) -> None:
    script = 'echo $$ $(ps -o sid= -p $$) $(ls /proc/self/fd | wc -l) $GIVEN $HIDDEN "$@"; grep SigIgn /proc/$$/status'
    inherited = os.open("/", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    try:
        with (tmp_path / "said").open("wb") as said:
            env = {"GIVEN": "ü=1", "PATH": os.environ["PATH"]}
            child = run("sh", "-c", script, "sh", "a b", "\udcff", stdout=said.fileno(), env=env)
        assert child.wait(PATIENCE) == child.returncode == 0
    finally:
        os.close(inherited)
    first, ignored = (tmp_path / "said").read_bytes().splitlines()
    pid, session, descriptors, *rest = first.split()
    assert int(pid) == int(session) == child.pid
    assert int(descriptors) == 4, "and that of the folder which is listed"
    assert rest == ["ü=1".encode(), b"a", b"b", b"\xff"]
    usual, own = (
        sum(1 << number - 1 for number in both) for both in ((signal.SIGPIPE, signal.SIGXFSZ), (32, 33))
    )
    ours = int(Path("/proc/self/status").read_bytes().partition(b"SigIgn:")[2].split()[0], 16)
    theirs = int(ignored.split()[1], 16)
    assert theirs & ~own == ours & ~usual & ~own, "and no other than we do, of whatever number"
    # Of the C library's own: whoever started us may have had them ignored, which posix_spawn ends.
    assert not theirs & own & ~ours


@pytest.mark.parametrize(("argv", "code"), [(["true"], 0), (["sh", "-c", "exit 7"], 7)])
def test_how_it_ended_is_told(run: Callable[..., Child], argv: list[str], code: int) -> None:
    assert run(*argv).wait(PATIENCE) == code


def test_one_that_goes_on_is_waited_for_and_one_that_was_killed_is_told_by_its_signal(
    run: Callable[..., Child],
) -> None:
    child = run("sleep", "600")
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait(PATIENCE) == -signal.SIGKILL
    assert child.wait(0) == -signal.SIGKILL, "it is collected once"


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ("/no/such/program", FileNotFoundError),
        ("no-such-program", FileNotFoundError),
        ("/etc/passwd", PermissionError),
        ("/etc", PermissionError),
        ("/etc/passwd/x", NotADirectoryError),
        ("a\0b", ValueError),
    ],
)
def test_what_cannot_be_started_is_said_as_subprocess_says_it(
    run: Callable[..., Child], program: str, fault: type[Exception]
) -> None:
    with pytest.raises(fault):
        run(program, env={"PATH": "/usr/bin:/bin"})
    with pytest.raises(ValueError, match="illegal environment variable name"):
        run("true", env={"a=b": "c"})


def test_a_folder_that_cannot_be_looked_into_is_no_missing_program(
    run: Callable[..., Child], tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels") as fault:
        run("program", env={"PATH": f"{tmp_path}/none:{tmp_path}/loop:{tmp_path}"})
    assert fault.value.errno == errno.ELOOP


def test_the_first_that_can_be_executed_along_the_path_is_started(
    run: Callable[..., Child], tmp_path: Path
) -> None:
    for name in ("refused", "right", "later"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "program").write_text(f"#!/bin/sh\nexit {len(name)}\n")
        (tmp_path / name / "program").chmod(0o644 if name == "refused" else 0o755)
    path = os.pathsep.join(str(tmp_path / name) for name in ("none", "refused", "right", "later"))
    assert run("program", env={"PATH": path}).wait(PATIENCE) == len("right")
    with pytest.raises(PermissionError):
        run("program", env={"PATH": str(tmp_path / "refused")})
