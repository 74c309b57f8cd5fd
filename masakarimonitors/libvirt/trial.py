"""Whether a URI can be used at all: tried once, before a monitor begins, and by `masakari-monitors check`.

In: the URIs of the options. Out: nothing, or why one can never work, or why one cannot be used at present.
Nothing that is opened here outlives the trial, but for a thread inside of a call that never comes back.
"""

import queue
import threading
import time
from collections.abc import Sequence

from masakarimonitors.libvirt.binding import Api, close, connect, load
from masakarimonitors.libvirt.faults import Unanswered, Unavailable, explained
from masakarimonitors.libvirt.uri import BadUri


def check(addresses: Sequence[str], timeout: float = 3.0) -> None:
    """At start: raises BadUri for a URI of which libvirt itself says that it can never work, BindingMissing.

    Blocks for at most `timeout` seconds. Whatever else goes wrong (libvirtd away, no permission, no
    answer) is a matter of trying again later.
    """
    for fault in try_all(addresses, readonly=True, timeout=timeout).values():
        if fault is not None and fault.never:
            raise BadUri(str(fault)) from fault


def try_all(addresses: Sequence[str], *, readonly: bool, timeout: float) -> dict[str, Unavailable | None]:
    """Each URI with the reason for which it cannot be opened now, or None; blocks for at most `timeout` seconds.

    Not `readonly`: with the right to ask guests, which is another one than that to look. Raises BindingMissing.
    """
    api = load()
    found: queue.SimpleQueue[tuple[str, Unavailable | None]] = queue.SimpleQueue()
    for uri in addresses:
        threading.Thread(
            target=lambda uri=uri: found.put((uri, _try(api, uri, readonly))),
            name=f"trial {uri}"[:15],
            daemon=True,
        ).start()
    silent = Unanswered(
        f"no answer within {timeout:g} s: libvirtd hangs or is overloaded, or the way to it is cut"
    )
    faults: dict[str, Unavailable | None] = dict.fromkeys(addresses, silent)
    end = time.monotonic() + timeout
    for _ in addresses:
        try:
            uri, fault = found.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        faults[uri] = fault
    return faults


def _try(api: Api, uri: str, readonly: bool) -> Unavailable | None:
    try:
        close(connect(api, uri, readonly=readonly))
    except api.main.libvirtError as error:
        return explained(error, uri, api.main)
    return None
