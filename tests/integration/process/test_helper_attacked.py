"""The real privileged helper, and somebody at its connection who has broken into the monitor's user.

Started as oslo.privsep starts it, and spoken to by hand.
"""

import contextlib
import errno
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import yaml

from masakarimonitors.processmonitor.privileged import digest
from tests.fixtures.lifeline import alive
from tests.fixtures.waiting import PATIENCE, until

pytestmark = [
    pytest.mark.xdist_group("process"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: is the helper"),
]

HELPER = "from oslo_privsep.daemon import helper_main; helper_main()"
ROOT = Path(__file__).parents[3]
CALL, LOG, RETURN, ERROR = 3, 6, 4, 5
START = "masakarimonitors.processmonitor.privileged.start"
PLACE = f"masakari-monitors-{'0' * 32}", "0" * 32
SECRET = "Tr0ub4dor"


class Intruder:
    """Whoever has the monitor's end of the connection; `logged` is what the helper has sent for the log."""

    def __init__(self, folder: Path) -> None:
        self.ran = folder / "ran"
        self.name = "/usr/sbin/x"
        self.command = f"touch {self.ran}"
        entry = {"process_name": self.name, "restart_command": self.command, "run_as_root": True}
        (folder / "list.yaml").write_text(yaml.safe_dump([entry]))
        conf = folder / "a.conf"
        conf.write_text(
            "[DEFAULT]\ndebug = true\ndefault_log_levels =\n"
            f"[process]\nprocess_list_path = {folder}/list.yaml\n"
        )
        door = folder / "s"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(door))
            listening.listen(1)
            listening.settimeout(PATIENCE)
            context = ["--privsep_context", "masakarimonitors.privsep.monitors_priv"]
            argv = [sys.executable, "-c", HELPER, "--config-file", str(conf), *context]
            argv += ["--privsep_sock_path", str(door)]
            starting = subprocess.Popen(argv, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
            self.line, _ = listening.accept()
            assert starting.wait(PATIENCE) == 0
        self.line.settimeout(PATIENCE)
        # The one that has connected was the parent of the one that serves.
        self.pid = 0
        self.logged = ""
        self._unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
        self.call("masakarimonitors.system.privileged.helper.finish", 1)

    def send(self, *parts: bytes) -> None:
        """As it is; the helper may have ended before it has read it all."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                self.line.sendall(part)

    def call(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        """What the helper answers."""
        self.send(msgpack.packb(["1", [CALL, function, arguments, {}]]))
        answer = self.answer()
        assert answer is not None, "the helper has ended"
        return answer

    def start(self, *arguments: Any) -> tuple[Any, ...]:
        """What becomes of a start, however long it takes."""
        kind, answer = self.call(START, *arguments)
        while kind == RETURN and answer[2] == errno.EINPROGRESS:
            kind, answer = self.call("masakarimonitors.system.privileged.helper.begun", arguments[-2])
        return kind, answer

    def answer(self) -> tuple[Any, ...] | None:
        """The next one; None when the helper has ended. What it logs is kept."""
        while True:
            for number, message in self._unpacker:
                if number is not None:
                    return tuple(message)
                assert message[0] == LOG
                self.logged += f"{message[1]}\n"
                if "running as pid" in message[1]["msg"]:
                    self.pid = int(message[1]["msg"].rpartition(" ")[2])
            try:
                more = self.line.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self._unpacker.feed(more)


@pytest.fixture
def intruder(tmp_path: Path) -> Iterator[Intruder]:
    one = Intruder(tmp_path)
    yield one
    one.line.close()
    until(lambda: not alive(one.pid), "the end of the helper")


@pytest.mark.parametrize(
    "function",
    [
        "masakarimonitors.system.privileged.helper.launch",
        "masakarimonitors.system.privileged.helper._begun",
        "masakarimonitors.system.privileged.helper.subprocess.run",
        "masakarimonitors.system.processes.command.Launched",
        "os.system",
        "subprocess.run",
    ],
)
def test_nothing_runs_what_it_is_given(function: str, intruder: Intruder) -> None:
    kind, *why = intruder.call(function, ["touch", str(intruder.ran)], *PLACE)
    assert kind == ERROR, why
    assert not intruder.ran.exists()


def test_what_once_took_commands_takes_none(intruder: Intruder) -> None:
    argv = ["touch", str(intruder.ran)]
    kind, (pid, why, _) = intruder.call("masakarimonitors.system.privileged.helper.start", argv, *PLACE)
    assert (kind, pid) == (RETURN, 0) and "restart it" in why
    kind, error, *_ = intruder.call("masakarimonitors.utils.privsep_execute", *argv)
    assert (kind, error) == (ERROR, "builtins.PermissionError")
    assert not intruder.ran.exists()


def test_what_the_list_names_is_run_only_where_its_output_goes_to_a_monitor(intruder: Intruder) -> None:
    asked = intruder.name, "restart_command", digest(intruder.command)
    kind, (pid, why, _) = intruder.start(*asked, *PLACE)
    assert (kind, pid) == (RETURN, 0) and "could not be handed over" in why
    kind, (pid, why, _) = intruder.start(*asked, "/run/dbus/system_bus_socket", PLACE[1])
    assert (kind, pid) == (RETURN, 0) and "does not say where" in why
    assert not intruder.ran.exists()


@pytest.mark.parametrize(
    "name",
    ["x\x1b[2J\n", SECRET, 7, None, {}, [], b"\xff", "x" * 90_000_000],
    ids=lambda name: repr(name)[:9],
)
def test_a_name_of_anything_is_answered_in_a_few_words(name: Any, intruder: Intruder) -> None:
    kind, (pid, why, _) = intruder.start(name, "restart_command", digest(intruder.command), *PLACE)
    assert (kind, pid) == (RETURN, 0) and "does not name" in why and len(why) < 400
    assert SECRET not in intruder.logged


@pytest.mark.parametrize("place", ["", "x", 7, None, [], {}, b"\xff", SECRET])
@pytest.mark.parametrize("asked", ["begun", "give_up"])
def test_a_start_that_nobody_has_asked_for_is_none(asked: str, place: Any, intruder: Intruder) -> None:
    kind, *said = intruder.call(f"masakarimonitors.system.privileged.helper.{asked}", place)
    assert kind in (RETURN, ERROR) and SECRET not in repr(said) + intruder.logged
    assert not intruder.ran.exists()


@pytest.mark.parametrize(
    "bytes_",
    [
        b"\xc1garbage",
        b"GET / HTTP/1.1\r\n\r\n",
        msgpack.packb(SECRET),
        msgpack.packb([SECRET, SECRET]),
        msgpack.packb(["1", [9, SECRET]]),
        msgpack.packb(["1", [CALL, SECRET]]),
        msgpack.packb({"1": SECRET}),
        b"\x91" * 5000,
        struct.pack(">cI", b"\xdd", 2**32 - 1),
    ],
    ids=["no msgpack", "http", "text", "texts", "no message", "no arguments", "map", "deep", "endless"],
)
def test_garbage_runs_nothing_and_is_not_logged(bytes_: bytes, intruder: Intruder) -> None:
    """It is answered, or waited upon for more, or ends the helper, of which the next command starts another."""
    intruder.send(bytes_)
    intruder.line.shutdown(socket.SHUT_WR)
    while intruder.answer() is not None:
        pass
    until(lambda: not alive(intruder.pid), "the end of the helper")
    assert SECRET not in intruder.logged and not intruder.ran.exists()


def test_a_hundred_megabytes_and_more_end_the_helper(intruder: Intruder) -> None:
    intruder.send(struct.pack(">cI", b"\xdb", 300_000_000), *[b"x" * 1_000_000] * 300)
    until(lambda: not alive(intruder.pid), "the end of the helper")
    assert not intruder.ran.exists()


def test_a_connection_that_is_reset_ends_the_helper(intruder: Intruder) -> None:
    intruder.send(msgpack.packb(["1", [CALL, "masakarimonitors.system.privileged.helper.finish", [1], {}]]))
    intruder.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    intruder.line.close()
    until(lambda: not alive(intruder.pid), "the end of the helper")
