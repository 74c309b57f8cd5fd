"""Every fault of the event table on real QEMU, and what is reported of it.

All faults are played first, several at a time, each on an instance of its own; then each row is looked
at. A second client hears libvirt's events, so that "nothing is reported" is judged after the events.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.fixtures.waiting import until
from tests.integration.virt import tiny
from tests.integration.virt.domain import file_disk, nbd_disk
from tests.integration.virt.instance import Instance
from tests.integration.virt.ready import libvirt
from tests.integration.virt.realm import Realm
from tests.integration.virt.watching import FAILED, Watch, watching

pytestmark = [pytest.mark.xdist_group("virt"), pytest.mark.timeout(600)]

STOPPED = "LIFECYCLE/STOPPED_SHUTDOWN"
DESTROYED = "LIFECYCLE/STOPPED_DESTROYED"
REBOOT = "REBOOT/UNKNOWN"
IO_PAUSE = {"IO_ERROR/IO_ERROR_PAUSE", "IO_ERROR_REASON/UNKNOWN", "LIFECYCLE/SUSPENDED_IOERROR"}
IO_REPORT = {"IO_ERROR/IO_ERROR_REPORT", "IO_ERROR_REASON/UNKNOWN"}
OFF = (libvirt.VIR_DOMAIN_SHUTOFF,)
RUNNING = (libvirt.VIR_DOMAIN_RUNNING,)


@dataclass
class Row:
    """A fault: the instance, what is done to it, in which state that leaves it, and what is reported.

    `reports` is a list (that order) or a set (each once, any order). `guest`: a booted guest is needed, or one that is
    `realm.bare` or `realm.paused`, or it is what a `realm.tiny` one does. `may`: what may be reported before that.
    """

    fault: Callable[[Instance], Any]
    reports: list[str] | set[str]
    leaves: tuple[int, ...] = OFF
    guest: Literal["booted", "bare", "paused"] | bytes = "booted"
    options: dict[str, Any] = field(default_factory=dict)
    may: str = ""


def go_on(instance: Instance) -> None:
    """A tiny guest does what it is there for."""
    instance.domain.resume()


def destroy(instance: Instance) -> None:
    instance.domain.destroy()


def shut_down(instance: Instance) -> None:
    """libvirt asks the agent, and where QEMU has ended before that could answer, presses the button as well: of what
    does not run any more."""
    try:
        instance.domain.shutdown()
    except libvirt.libvirtError as fault:
        if fault.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
            raise


def save_and_restore(instance: Instance) -> None:
    instance.domain.managedSave(0)
    instance.start()


def suspend_and_resume(instance: Instance) -> None:
    instance.domain.suspend()
    instance.domain.resume()


def stop_for_a_while(instance: Instance) -> None:
    instance.hang()
    stat = Path(f"/proc/{instance.pid}/stat")
    until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "QEMU to stand still")
    instance.unhang()


def hang_the_agent(instance: Instance) -> None:
    instance.hang_agent()
    until(lambda: not instance.ping(1), "the agent to hang")


def kill_the_agent(instance: Instance) -> None:
    instance.kill_agent(for_good=True)
    until(lambda: not instance.ping(1), "the agent to be gone")


ROWS: dict[str, Row] = {
    "kill -9": Row(lambda one: one.kill(9), [FAILED], guest="paused"),
    "kill -SEGV": Row(lambda one: one.kill(11), [FAILED], guest="paused"),
    "kill -TERM": Row(lambda one: one.kill(15), [STOPPED], guest="paused"),
    "virsh destroy": Row(destroy, [DESTROYED], guest="paused"),
    "virsh destroy --graceful": Row(lambda one: one.domain.destroyFlags(1), [DESTROYED], guest="paused"),
    "virsh shutdown": Row(shut_down, [STOPPED]),
    "guest poweroff": Row(go_on, [STOPPED], guest=tiny.POWEROFF),
    "guest reboot": Row(go_on, [REBOOT], RUNNING, tiny.REBOOT),
    "virsh reset": Row(lambda one: one.domain.reset(), [REBOOT], RUNNING, "bare"),
    "guest reboot, on_reboot=destroy": Row(
        go_on, [STOPPED], guest=tiny.REBOOT, options={"on_reboot": "destroy"}
    ),
    "panic, on_crash=destroy": Row(go_on, [FAILED], guest=tiny.PANIC),
    "panic, on_crash=preserve": Row(
        go_on, [FAILED], (libvirt.VIR_DOMAIN_CRASHED,), tiny.PANIC, {"on_crash": "preserve"}
    ),
    # Its own restart takes the report of the panic back, if that is not on its way yet.
    "panic, on_crash=restart": Row(go_on, [REBOOT], RUNNING, tiny.PANIC, {"on_crash": "restart"}, may=FAILED),
    "panic without pvpanic, panic=5": Row(Instance.panic, [REBOOT], RUNNING, options={"panic_device": False}),
    "panic without pvpanic, panic=0": Row(
        Instance.panic, [], RUNNING, options={"panic_device": False, "panic_reboots_after": 0}
    ),
    "watchdog none": Row(
        go_on, ["WATCHDOG/WATCHDOG_NONE"], RUNNING, guest=tiny.BARK, options={"watchdog": "i6300esb:none"}
    ),
    "watchdog reset": Row(
        go_on,
        ["WATCHDOG/WATCHDOG_RESET", REBOOT],
        RUNNING,
        guest=tiny.BARK,
        options={"watchdog": "i6300esb:reset"},
    ),
    "watchdog pause": Row(
        go_on,
        ["WATCHDOG/WATCHDOG_PAUSE", "LIFECYCLE/SUSPENDED_WATCHDOG"],
        (libvirt.VIR_DOMAIN_PAUSED,),
        guest=tiny.BARK,
        options={"watchdog": "i6300esb:pause"},
    ),
    "watchdog poweroff": Row(
        # The death overtakes the other word, if that one still waits.
        go_on,
        {"WATCHDOG/WATCHDOG_POWEROFF", FAILED},
        guest=tiny.BARK,
        options={"watchdog": "i6300esb:poweroff"},
    ),
    "watchdog shutdown": Row(
        go_on,
        ["WATCHDOG/WATCHDOG_SHUTDOWN", STOPPED],
        guest=tiny.BARK + tiny.OBEY,
        options={"watchdog": "i6300esb:shutdown"},
    ),
    "watchdog inject-nmi": Row(
        go_on,
        ["WATCHDOG/WATCHDOG_INJECTNMI"],
        RUNNING,
        guest=tiny.BARK,
        options={"watchdog": "i6300esb:inject-nmi"},
    ),
    "EIO, error_policy=stop": Row(
        Instance.write_to_disk, IO_PAUSE, (libvirt.VIR_DOMAIN_PAUSED,), options={"disk": "nbd:stop"}
    ),
    "EIO, error_policy=report": Row(
        Instance.write_to_disk, IO_REPORT, RUNNING, options={"disk": "nbd:report"}
    ),
    "ENOSPC, error_policy=stop": Row(
        Instance.write_to_disk, IO_PAUSE, (libvirt.VIR_DOMAIN_PAUSED,), options={"disk": "full:stop"}
    ),
    "ENOSPC, error_policy=report": Row(
        Instance.write_to_disk, IO_REPORT, RUNNING, options={"disk": "full:report"}
    ),
    "virsh suspend, resume": Row(suspend_and_resume, [], RUNNING, "bare"),
    "SIGSTOP of qemu": Row(stop_for_a_while, [], RUNNING, "bare"),
    "SIGSTOP of qemu-ga": Row(hang_the_agent, [], RUNNING),
    "qemu-ga killed": Row(kill_the_agent, [], RUNNING),
    "managed save, start": Row(save_and_restore, [], RUNNING, "bare"),
}
NAMES = {title: f"table-{number:02d}" for number, title in enumerate(ROWS)}


def play(realm: Realm, watch: Watch, title: str, stack: contextlib.ExitStack) -> Instance:
    """Boot the row's instance, do the fault, wait until libvirt shows what it left and the reports are there."""
    row, name = ROWS[title], NAMES[title]
    options = dict(row.options)
    kind, _, policy = options.get("disk", "").partition(":")
    if kind == "nbd":
        options["disk"] = nbd_disk(stack.enter_context(realm.failing_nbd()), policy)
    elif kind == "full":
        options["disk"] = file_disk(realm.full_disk(name), policy)
    if isinstance(row.guest, bytes):
        instance = realm.tiny(name, row.guest, **options)
    else:
        made = {"booted": realm.boot, "bare": realm.bare, "paused": realm.paused}[row.guest]
        instance = made(name, **options)
    watch.knows(instance)
    row.fault(instance)
    until(lambda: instance.state[0] in row.leaves, f"{title} to leave {row.leaves}")
    expected = set(row.reports)
    until(
        lambda: expected <= set(watch.said(instance)), f"{title}: {expected}, not {watch.said(instance)}", 120
    )
    return instance


@pytest.fixture(scope="module")
def played(
    realm: Realm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[str] | BaseException]]:
    """What was reported of each row's instance, after all events have been heard."""
    folder: Path = tmp_path_factory.mktemp("table")
    said: dict[str, list[str] | BaseException] = {}
    lock = threading.Lock()
    # A longer quiet than the default: on a loaded host the echoes of one story come later.
    with contextlib.ExitStack() as stack, watching(realm, folder, settle_time=10) as watch:

        def one(title: str) -> None:
            try:
                instance = play(realm, watch, title, stack)
            except (AssertionError, libvirt.libvirtError) as error:
                log = realm.layout / "var/log/libvirt/qemu" / f"{NAMES[title]}.log"
                if log.exists():  # how QEMU ended, should it have done so by itself
                    error.add_note(log.read_text(errors="replace")[-2000:])
                with lock:
                    said[title] = error
                return
            # Events of one libvirtd come in order: when this one is heard, all before it were.
            barrier = realm.paused(f"barrier-{NAMES[title]}")
            watch.knows(barrier)
            barrier.kill()
            watch.reports(barrier)
            with lock:
                said[title] = watch.said(instance)
            for done in (instance, barrier):
                done.remove()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, ROWS))
        yield said


@pytest.mark.parametrize("title", ROWS)
def test_a_fault_is_reported_in_the_tables_words(
    played: dict[str, list[str] | BaseException], title: str
) -> None:
    said = played[title]
    if isinstance(said, BaseException):
        raise said
    reports, may = ROWS[title].reports, ROWS[title].may
    if may and said[:1] == [may]:
        said = said[1:]
    if isinstance(reports, set):
        assert sorted(said) == sorted(reports)
    else:
        assert said == reports
