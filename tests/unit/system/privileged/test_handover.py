"""The way of a command's output past every log: who gets the files, and what is read of them."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator

import pytest

from masakarimonitors.system.privileged.handover import Handover, hand_over
from tests.fixtures.cancelling import cancel_in_every_turn
from tests.fixtures.open_files import open_files, opened_since
from tests.fixtures.waiting import PATIENCE

STRANGER = 64001


@pytest.fixture
async def output() -> AsyncIterator[Handover]:
    one = Handover({os.geteuid()})
    yield one
    one.close()


def files(*contents: bytes) -> list[int]:
    found = []
    for content in contents:
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.flush()
            found.append(os.dup(file.fileno()))
    return found


async def test_the_files_of_whoever_knows_the_word_are_taken_and_read(output: Handover) -> None:
    sent = files(b"out", b"errors")
    hand_over(output.place, output.word, sent)
    await output.take()
    assert output.read(100) == (b"out", b"errors")
    assert output.read(3) == (b"out", b"err")
    for file in sent:
        os.close(file)  # still open here: they were sent, not given away


async def test_output_of_many_mebibytes_is_read_whole(output: Handover) -> None:
    hand_over(output.place, output.word, files(b"x" * (3 << 20) + b"end", b""))
    await output.take()
    stdout, _ = output.read(64 << 20)
    assert len(stdout) == (3 << 20) + 3 and stdout.endswith(b"end")


async def test_who_does_not_know_the_word_is_passed_over_and_his_files_are_closed(output: Handover) -> None:
    """Everyone on this host sees the socket's name; nobody but the helper knows the word."""
    before = open_files()
    theirs = files(b"not so", b"")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(f"\0{output.place}")
        hand_over(output.place, "0" * len(output.word), theirs)
        hand_over(output.place, output.word, files(b"out", b"")[:1])
        ours = files(b"out", b"")
        hand_over(output.place, output.word, ours)
        await output.take()
        assert silent.recv(1) == b"", "who is still silent when the files are here is shown out"
    assert output.read(100) == (b"out", b"")
    for file in (*theirs, *ours):
        os.close(file)
    output.close()
    assert len(opened_since(before)) <= 2


# As another user, it calls as often as it can, and says how often it was let in and shown out.
BESIEGE = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
held = []
for _ in range(80):
    door = socket.socket(socket.AF_UNIX)
    door.connect(chr(0) + sys.argv[1])
    held.append(door)
print("full", flush=True)
print(sum(door.recv(1) == b"" for door in held), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root may")
async def test_a_user_who_fills_the_queue_keeps_the_helper_out_for_no_moment(output: Handover) -> None:
    besieger = await asyncio.create_subprocess_exec(
        *(sys.executable, "-IS", "-c", BESIEGE, output.place, str(STRANGER)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert besieger.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await besieger.stdout.readline() == b"full\n"
        sent = files(b"out", b"")
        await asyncio.to_thread(hand_over, output.place, output.word, sent)
        await output.take()
        assert output.read(100) == (b"out", b"")
        async with asyncio.timeout(60):
            assert await besieger.stdout.readline() == b"80\n"
        for file in sent:
            os.close(file)
    finally:
        async with asyncio.timeout(60):
            await besieger.communicate(b"")


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root may")
async def test_a_stranger_is_shown_out_even_if_he_knows_the_word(output: Handover) -> None:
    script = (
        "import os, socket, sys\n"
        "os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))\n"
        "door = socket.socket(socket.AF_UNIX); door.settimeout(60); door.connect(chr(0) + sys.argv[1])\n"
        "try: socket.send_fds(door, [sys.argv[2].encode()], [0, 0])\n"
        "except OSError: pass\n"
        "try: door.recv(1)\n"
        "except OSError: pass\n"
    )
    command = [sys.executable, "-IS", "-c", script, output.place, output.word, str(STRANGER)]
    await asyncio.to_thread(subprocess.run, command, stdin=subprocess.DEVNULL, check=True, timeout=PATIENCE)
    sent = files(b"out", b"")
    hand_over(output.place, output.word, sent)
    await output.take()
    assert output.read(100) == (b"out", b"")
    for file in sent:
        os.close(file)


async def test_without_a_caller_there_is_a_fault(output: Handover) -> None:
    with pytest.raises(OSError, match="has not handed over"):
        await output.take(within=0.0)


async def test_what_is_here_is_taken_however_long_this_process_stood_still(output: Handover) -> None:
    """Its command would be killed for nothing."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(f"\0{output.place}")
        sent = files(b"out", b"")
        hand_over(output.place, output.word, sent)
        await output.take(within=0.0)
    assert output.read(100) == (b"out", b"")
    for file in sent:
        os.close(file)


async def test_a_place_that_is_gone_is_a_fault(output: Handover) -> None:
    output.close()
    with pytest.raises(OSError, match="refused"):
        hand_over(output.place, output.word, files(b"", b""))


async def test_what_is_handed_over_and_never_taken_is_closed() -> None:
    before = open_files()
    one = Handover({os.geteuid()})
    sent = files(b"out", b"")
    hand_over(one.place, one.word, sent)
    one.close()
    for file in sent:
        os.close(file)
    with contextlib.suppress(asyncio.CancelledError):
        await one.take(within=0.0)
    assert not opened_since(before)


@pytest.mark.parametrize("before", [True, False])
async def test_a_caller_who_goes_while_files_arrive_takes_none(before: bool) -> None:
    """They are here before it waits, or while it does; either way its command is not waited for any more."""
    with contextlib.ExitStack() as done:

        async def begin() -> asyncio.Task[None]:
            output = Handover({os.geteuid()})
            done.callback(output.close)
            sent = files(b"out", b"")
            for file in sent:
                done.callback(os.close, file)
            if before:
                hand_over(output.place, output.word, sent)
                await output.take()
            task = asyncio.get_running_loop().create_task(output.take())
            if not before:
                await asyncio.sleep(0)
                hand_over(output.place, output.word, sent)
            return task

        await cancel_in_every_turn(begin)
