"""The path at which a process listens: only what an ended process of ours has left there is ever removed."""

import os
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from masakarimonitors.system.network.socket_path import SocketPath, Taken, address

DATAGRAM, STREAM = socket.SOCK_DGRAM, socket.SOCK_STREAM


def left_behind(path: Path, kind: socket.SocketKind = STREAM) -> None:
    with socket.socket(socket.AF_UNIX, kind) as ended:
        ended.bind(str(path))


@pytest.mark.parametrize("kind", [STREAM, DATAGRAM])
@pytest.mark.parametrize("before", [STREAM, DATAGRAM])
def test_what_an_ended_process_left_behind_is_replaced(
    tmp_path: Path, kind: socket.SocketKind, before: socket.SocketKind
) -> None:
    path = tmp_path / "there"
    left_behind(path, before)
    place = SocketPath(path)
    with place.bind(kind, mode=0o600), socket.socket(socket.AF_UNIX, kind) as caller:
        caller.connect(str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and place.is_there()
    place.remove()
    assert not path.exists()


@pytest.mark.parametrize("kind", [STREAM, DATAGRAM])
def test_a_path_longer_than_the_kernel_takes_is_reached_through_its_folder(
    tmp_path: Path, kind: socket.SocketKind
) -> None:
    path = tmp_path / ("far" * 40) / "there"
    path.parent.mkdir()
    place = SocketPath(path)
    with place.bind(kind), socket.socket(socket.AF_UNIX, kind) as caller:
        with address(path) as shorter:
            caller.connect(shorter)
        with pytest.raises(Taken, match="a process answers there already"):
            SocketPath(path).bind(kind)
    with SocketPath(path).bind(kind):  # what it has left behind is replaced
        assert path.is_socket()


def an_ordinary_file(path: Path) -> None:
    path.write_text("precious")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_symbolic_link(path: Path) -> None:
    left_behind(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def a_named_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [an_ordinary_file, a_folder, a_symbolic_link, a_named_pipe])
@pytest.mark.parametrize("kind", [STREAM, DATAGRAM])
def test_what_is_no_socket_is_left_and_named(
    tmp_path: Path, make: Callable[[Path], None], kind: socket.SocketKind
) -> None:
    path = tmp_path / "there"
    make(path)
    before = path.lstat()
    with pytest.raises(Taken) as taken:
        SocketPath(path).bind(kind)
    assert path.lstat() == before
    for words in (make.__name__.replace("_", " "), "left as it is", "name another path", str(path)):
        assert words in str(taken.value)


@pytest.mark.parametrize("kind", [STREAM, DATAGRAM])
@pytest.mark.parametrize("other", [STREAM, DATAGRAM])
def test_a_socket_that_is_answered_is_left(
    tmp_path: Path, kind: socket.SocketKind, other: socket.SocketKind
) -> None:
    path = tmp_path / "there"
    with SocketPath(path).bind(other):
        before = path.lstat()
        with pytest.raises(Taken, match="a process answers there already"):
            SocketPath(path).bind(kind)
        assert path.lstat().st_ino == before.st_ino


def test_one_whose_queue_is_full_is_answered_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "there"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(path))
        busy.listen(0)
        first.connect(str(path))
        with pytest.raises(Taken, match="a process answers there already"):
            SocketPath(path).bind()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_a_socket_of_another_user_is_left(tmp_path: Path) -> None:
    path = tmp_path / "there"
    left_behind(path)
    os.chown(path, 65534, 65534)
    with pytest.raises(Taken, match="a socket of uid 65534 stands there, and this process runs as uid 0"):
        SocketPath(path).bind()
    assert path.is_socket()


def test_what_has_taken_its_place_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "there"
    place = SocketPath(path)
    with place.bind():
        path.unlink()
        assert not place.is_there()
        left_behind(path)
        place.remove()
        assert path.is_socket() and not place.is_there()


def test_of_many_that_start_at_once_one_gets_the_path_and_keeps_it(tmp_path: Path) -> None:
    path, bound, refused = tmp_path / "there", list[SocketPath](), list[Taken]()
    left_behind(path)
    sockets = []
    begin = threading.Barrier(8)

    def start() -> None:
        place = SocketPath(path)
        begin.wait()
        try:
            sockets.append(place.bind())
            bound.append(place)
        except Taken as fault:
            refused.append(fault)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bound) == 1 and len(refused) == 7 and bound[0].is_there()
    sockets[0].close()
