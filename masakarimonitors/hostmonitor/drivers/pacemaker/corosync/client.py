"""The client of Corosync: quorum and membership (libquorum), and process groups (libcpg).

Each object holds one connection; its file descriptor becomes readable when there is news, and
`dispatch` then takes it in. Connecting and joining can take a moment, so `open_quorum` and
`open_group` do it on a thread; `dispatch` never blocks. A monitor that is neither root nor named in
Corosync's uidgid.d is refused by the libraries: `corosync-quorumtool` is then run before each look, as
root if need be, and events come from the alert agent and the clock only; where that cannot be had either,
Pacemaker's own word on quorum has to do. Every failure is a `CorosyncError`.
"""

import ctypes as c
import functools
import logging
import os
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import is_number
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import (
    GroupChanged,
    GroupMessage,
    Process,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.operations import Asked, Operation
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.rights import Run
from masakarimonitors.system.threads import Pool

LOG = logging.getLogger(__name__)

_QUORUM_LIBRARY = "libquorum.so.5"
_CPG_LIBRARY = "libcpg.so.4"

# corosync/corotypes.h
_CS_OK = 1
_CS_ERR_TRY_AGAIN = 6
_CS_DISPATCH_ALL = 2
_TRACK_CURRENT_AND_CHANGES = 3
_CPG_AGREED = 2
# corosync/cpg.h: why a process is no member any more.
_CPG_LEAVE = 2
_CPG_PROCDOWN = 5
_DENIED = (11, 29)
_ERRORS = {
    2: "corosync is not running here, or has just gone",
    5: "time-out",
    6: "corosync is busy; try again",
    9: "bad handle",
    11: "access denied: this user is neither root nor named in /etc/corosync/uidgid.d",
    12: "no such thing",
    14: "it exists already",
    29: "access denied: this user is neither root nor named in /etc/corosync/uidgid.d",
}


T = TypeVar("T", "Quorum", "Group")

_POOL = Pool("corosync", threads=2)


class CorosyncError(Exception):
    """Corosync could not be reached or refused; the message says which call and why."""


class CorosyncDenied(CorosyncError):
    """This user may not ask Corosync."""


class CorosyncMissing(CorosyncError):
    """Corosync's libraries are not installed."""


def _check(call: str, code: int) -> None:
    if code in _DENIED:
        raise CorosyncDenied(f"{call}: {_ERRORS[code]}")
    if code != _CS_OK:
        raise CorosyncError(f"{call}: {_ERRORS.get(code, f'error {code}')}")


class _RingId(c.Structure):
    _fields_ = (("nodeid", c.c_uint32), ("seq", c.c_uint64))


_U32S = c.POINTER(c.c_uint32)
_QUORUM_CHANGED = c.CFUNCTYPE(None, c.c_uint64, c.c_uint32, _RingId, c.c_uint32, _U32S)
_NODES_CHANGED = c.CFUNCTYPE(
    None, c.c_uint64, _RingId, c.c_uint32, _U32S, c.c_uint32, _U32S, c.c_uint32, _U32S
)


class _QuorumModel(c.Structure):
    _fields_ = (("model", c.c_int), ("quorum", _QUORUM_CHANGED), ("nodes", _NODES_CHANGED))


@functools.cache
def _quorum_library() -> Any:
    lib = _load(_QUORUM_LIBRARY)
    handle = c.c_uint64
    try:
        lib.quorum_model_initialize.argtypes = [
            c.POINTER(handle),
            c.c_int,
            c.POINTER(_QuorumModel),
            _U32S,
            c.c_void_p,
        ]
    except AttributeError:
        raise CorosyncMissing(f"{_QUORUM_LIBRARY} is too old: corosync 3.1 or newer is needed") from None
    lib.quorum_trackstart.argtypes = [handle, c.c_uint]
    lib.quorum_dispatch.argtypes = [handle, c.c_int]
    lib.quorum_fd_get.argtypes = [handle, c.POINTER(c.c_int)]
    lib.quorum_finalize.argtypes = [handle]
    return lib


def _load(name: str) -> c.CDLL:
    try:
        return c.CDLL(name)
    except OSError as fault:
        raise CorosyncMissing(f"corosync's library {name} cannot be loaded ({fault})") from None


class QuorumFeed(Protocol):
    """What the watch needs of Corosync. `fd` becomes readable when there is news.

    `quorate` None: not known yet; `node_id` None: not known.
    """

    fd: int
    quorate: bool | None
    node_id: int | None

    async def refresh(self) -> None:
        """Before a look. Raises `CorosyncError` when corosync has gone."""

    def dispatch(self) -> None:
        """Take in the news. Raises `CorosyncError` when corosync has gone."""

    def close(self) -> None:
        """Disconnect."""


class Quorum:
    """A subscription to quorum and membership.

    `quorate` is None until the first news; `members` are node ids, `node_id` is our own.
    """

    def __init__(self) -> None:
        """Connect (may block for a moment). Raises `CorosyncError`."""
        self.quorate: bool | None = None
        self.members: frozenset[int] = frozenset()
        self.node_id: int | None = own_node_id()
        self._lib = _quorum_library()
        self._handle = c.c_uint64()
        # The library keeps pointers to these callbacks, so they must live as long as the handle.
        self._model = _QuorumModel(1, _QUORUM_CHANGED(self._on_quorum), _NODES_CHANGED(self._on_nodes))
        kind = c.c_uint32()
        code = self._lib.quorum_model_initialize(
            c.byref(self._handle), 1, c.byref(self._model), c.byref(kind), None
        )
        _check("quorum_model_initialize", code)
        try:
            _check("quorum_trackstart", self._lib.quorum_trackstart(self._handle, _TRACK_CURRENT_AND_CHANGES))
            fd = c.c_int()
            _check("quorum_fd_get", self._lib.quorum_fd_get(self._handle, c.byref(fd)))
        except CorosyncError:
            self.close()
            raise
        self.fd: int = fd.value

    def _on_quorum(self, _handle: int, quorate: int, _ring: _RingId, count: int, nodes: Any) -> None:
        self.quorate = bool(quorate)

    def _on_nodes(
        self, _handle: int, _ring: _RingId, count: int, nodes: Any, _j: int, _js: Any, left: int, _ls: Any
    ) -> None:
        self.members = frozenset(nodes[:count])

    async def refresh(self) -> None:
        """Nothing to do: the news comes by itself."""

    def dispatch(self) -> None:
        """Take in the news. Raises `CorosyncError` when corosync has gone."""
        _check("quorum_dispatch", self._lib.quorum_dispatch(self._handle, _CS_DISPATCH_ALL))

    def close(self) -> None:
        """Disconnect."""
        self._lib.quorum_finalize(self._handle)


class PolledQuorum:
    """Quorum by command: there is never news, it must be refreshed."""

    def __init__(self, run: Run, timeout: float) -> None:
        """`timeout`: seconds that the command may take."""
        self._run = run
        self._timeout = timeout
        self.fd, self._other_end = os.pipe()
        self.quorate: bool | None = None
        self.node_id: int | None = None

    async def refresh(self) -> None:
        """Ask now. Raises `CorosyncError`."""
        self.quorate, self.node_id = await ask_quorumtool(self._run, self._timeout)

    def dispatch(self) -> None:
        """Never called: nothing is ever written into the pipe."""

    def close(self) -> None:
        """Let the pipe go."""
        os.close(self.fd)
        os.close(self._other_end)


class PacemakersQuorum:
    """Where Corosync cannot be asked at all: always quorate, so that the word of Pacemaker decides.

    The CIB's have-quorum and crm_mon's with_quorum are looked at with every look anyway; what is missing
    is the second opinion, and the news.
    """

    def __init__(self) -> None:
        """Nothing to connect to."""
        self.fd, self._other_end = os.pipe()
        self.quorate: bool | None = True
        self.node_id: int | None = None

    async def refresh(self) -> None:
        """Nothing to ask."""

    def dispatch(self) -> None:
        """Never called: nothing is ever written into the pipe."""

    def close(self) -> None:
        """Let the pipe go."""
        os.close(self.fd)
        os.close(self._other_end)


async def ask_quorumtool(run: Run, timeout: float) -> tuple[bool, int | None]:
    """Whether Corosync has quorum, and our node id, by command. Raises `CorosyncError`."""
    try:
        done = await run(Asked(Operation.QUORUM), timeout)
    except OSError as fault:
        raise CorosyncError(f"corosync-quorumtool cannot be run ({fault.strerror or fault})") from None
    if done.timed_out:
        raise CorosyncError(f"corosync-quorumtool gave no answer in {timeout:.0f} s")
    return read_quorumtool(done.output, done.errors)  # it exits 2 where there is no quorum


def read_quorumtool(output: str, errors: str) -> tuple[bool, int | None]:
    """What `corosync-quorumtool -s` says: quorate or not, and our node id. Raises `CorosyncError`."""
    values = dict(line.split(":", 1) for line in output.splitlines() if ":" in line)
    quorate = values.get("Quorate", "").strip()
    if quorate not in ("Yes", "No"):
        words = " ".join((errors or output).split())[:200]
        raise CorosyncError(f"corosync-quorumtool does not say whether there is quorum: {words or 'nothing'}")
    node = values.get("Node ID", "").strip()
    return quorate == "Yes", int(node) if is_number(node) else None


class _Address(c.Structure):
    _fields_ = (("nodeid", c.c_uint32), ("pid", c.c_uint32), ("reason", c.c_uint32))


class _Name(c.Structure):
    _fields_ = (("length", c.c_uint32), ("value", c.c_char * 128))


class _IoVec(c.Structure):
    _fields_ = (("base", c.c_void_p), ("length", c.c_size_t))


_DELIVER = c.CFUNCTYPE(None, c.c_uint64, c.POINTER(_Name), c.c_uint32, c.c_uint32, c.c_void_p, c.c_size_t)
_ADDRESSES = c.POINTER(_Address)
_CONFCHG = c.CFUNCTYPE(
    None,
    c.c_uint64,
    c.POINTER(_Name),
    _ADDRESSES,
    c.c_size_t,
    _ADDRESSES,
    c.c_size_t,
    _ADDRESSES,
    c.c_size_t,
)


class _GroupCallbacks(c.Structure):
    _fields_ = (("deliver", _DELIVER), ("confchg", _CONFCHG))


@functools.cache
def _cpg_library() -> Any:
    lib = _load(_CPG_LIBRARY)
    handle = c.c_uint64
    lib.cpg_initialize.argtypes = [c.POINTER(handle), c.POINTER(_GroupCallbacks)]
    lib.cpg_join.argtypes = [handle, c.POINTER(_Name)]
    lib.cpg_leave.argtypes = [handle, c.POINTER(_Name)]
    lib.cpg_dispatch.argtypes = [handle, c.c_int]
    lib.cpg_fd_get.argtypes = [handle, c.POINTER(c.c_int)]
    lib.cpg_local_get.argtypes = [handle, c.POINTER(c.c_uint)]
    lib.cpg_mcast_joined.argtypes = [handle, c.c_int, c.POINTER(_IoVec), c.c_uint]
    lib.cpg_finalize.argtypes = [handle]
    return lib


Address = tuple[int, int, int]
"""One process of a change: its node id, its pid, and why it stands there."""


def _copied(addresses: Any, count: int) -> list[Address]:
    # A list of none may be a null pointer.
    return [(addresses[i].nodeid, addresses[i].pid, addresses[i].reason) for i in range(count)]


def read_change(members: list[Address], joined: list[Address], left: list[Address]) -> GroupChanged:
    """What a change of the group's processes means."""

    def processes(addresses: list[Address]) -> tuple[Process, ...]:
        return tuple((node, pid) for node, pid, _ in addresses)

    # One that left, or whose process ended on a host that is there, is gone; all else is a guess from afar.
    lost = [one for one in left if one[2] not in (_CPG_LEAVE, _CPG_PROCDOWN)]
    return GroupChanged(processes(members), processes(joined), processes(left), processes(lost))


class Group:
    """Membership in one closed process group, with totally ordered messages."""

    def __init__(self, name: bytes) -> None:
        """Connect and join (may block for a moment). Raises `CorosyncError`; try again when busy."""
        self._lib = _cpg_library()
        self._handle = c.c_uint64()
        self._news: list[GroupChanged | GroupMessage] = []
        self._callbacks = _GroupCallbacks(_DELIVER(self._on_message), _CONFCHG(self._on_change))
        _check("cpg_initialize", self._lib.cpg_initialize(c.byref(self._handle), c.byref(self._callbacks)))
        try:
            node = c.c_uint()
            _check("cpg_local_get", self._lib.cpg_local_get(self._handle, c.byref(node)))
            _check("cpg_join", self._lib.cpg_join(self._handle, c.byref(_Name(len(name), name))))
            fd = c.c_int()
            _check("cpg_fd_get", self._lib.cpg_fd_get(self._handle, c.byref(fd)))
        except CorosyncError:
            self.close()
            raise
        self.node_id: int = node.value
        self.fd: int = fd.value

    def _on_message(
        self, _handle: int, _group: Any, node: int, pid: int, message: int | None, length: int
    ) -> None:
        payload = c.string_at(message, length) if message else b""
        self._news.append(GroupMessage((node, pid), payload))

    def _on_change(self, _h: int, _g: Any, m: Any, mn: int, left: Any, ln: int, j: Any, jn: int) -> None:
        self._news.append(read_change(_copied(m, mn), _copied(j, jn), _copied(left, ln)))

    def dispatch(self) -> list[GroupChanged | GroupMessage]:
        """What happened, in the group's one order. Raises `CorosyncError` when corosync has gone."""
        _check("cpg_dispatch", self._lib.cpg_dispatch(self._handle, _CS_DISPATCH_ALL))
        news, self._news = self._news, []
        return news

    def send(self, payload: bytes) -> bool:
        """Offer `payload` to all, ourselves included; False when corosync is busy: try again later."""
        buffer = c.create_string_buffer(payload, len(payload))
        vector = _IoVec(c.cast(buffer, c.c_void_p), len(payload))
        code = self._lib.cpg_mcast_joined(self._handle, _CPG_AGREED, c.byref(vector), 1)
        if code == _CS_ERR_TRY_AGAIN:
            return False
        _check("cpg_mcast_joined", code)
        return True

    def close(self) -> None:
        """Leave and disconnect; the others see it at once."""
        self._lib.cpg_finalize(self._handle)


def own_node_id() -> int:
    """This member's node id (may block for a moment). Raises `CorosyncError`."""
    lib = _cpg_library()
    handle = c.c_uint64()
    callbacks = _GroupCallbacks()
    _check("cpg_initialize", lib.cpg_initialize(c.byref(handle), c.byref(callbacks)))
    try:
        node = c.c_uint()
        _check("cpg_local_get", lib.cpg_local_get(handle, c.byref(node)))
        return node.value
    finally:
        lib.cpg_finalize(handle)


async def open_quorum(run: Run, timeout: float) -> QuorumFeed:
    """The best way there is: the library; a command, by `run`; or Pacemaker's word alone.

    Connects within `timeout` seconds. Raises `CorosyncError` where corosync is not running or gives no answer.
    """
    try:
        return await _open(Quorum, timeout)
    except (CorosyncDenied, CorosyncMissing) as fault:
        return await _without_library(run, timeout, fault)


async def _without_library(run: Run, timeout: float, fault: CorosyncError) -> QuorumFeed:
    polled = PolledQuorum(run, timeout)
    try:
        await polled.refresh()
    except CorosyncError as refused:
        polled.close()
        LOG.warning(
            "Corosync cannot be asked for quorum here, neither by its library (%s) nor by command (%s). Quorum is "
            "taken from Pacemaker's CIB and its designated controller. Missing are: Corosync's own word on it, "
            "its news (losses are seen by polling), the election of one reporter, and the check whether this "
            "node's own links are dead. Install corosync's libraries and tools, and name the user in a file of "
            "/etc/corosync/uidgid.d",
            fault,
            refused,
        )
        return PacemakersQuorum()
    LOG.warning(
        "Corosync's library cannot be used (%s). Quorum is asked by command instead: losses are seen later, and "
        "no reporter can be elected. Name the user in a file of /etc/corosync/uidgid.d",
        fault,
    )
    return polled


async def open_group(name: bytes, timeout: float) -> Group:
    """Connect and join within `timeout` seconds. Raises `CorosyncError`."""
    return await _open(functools.partial(Group, name), timeout)


async def _open(make: Callable[[], T], timeout: float) -> T:
    try:
        return await _POOL.call(make, timeout, too_late=lambda late: late.close())
    except TimeoutError:
        raise CorosyncError(f"corosync gave no answer in {timeout:.0f} s") from None
