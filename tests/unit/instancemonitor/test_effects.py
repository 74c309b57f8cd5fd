"""What a question about one instance is answered with, when libvirt does not know it and the disk is asked."""

import asyncio
import errno
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from masakarimonitors.instancemonitor.core.observation import (
    Ask,
    Asked,
    AskStorages,
    Identity,
    Power,
    StoragesSeen,
)
from masakarimonitors.instancemonitor.domains import EventNumbers
from masakarimonitors.instancemonitor.effects import Effects
from masakarimonitors.instancemonitor.qemu_files import Log, QemuFiles
from masakarimonitors.libvirt.event_line import EventLine
from tests.fixtures.fake_clock import SteppedClock
from tests.fixtures.fake_libvirt import FakeDomain, FakeModule, denied, impatient, played, socket_closed
from tests.fixtures.pidfile import locked
from tests.fixtures.waiting import PATIENCE

URI = "qemu:///system"
START = "2026-11-22 11:03:11.530+0000: starting up libvirt version: 9.0.0\n"
MIGRATED = "2026-11-22 11:04:00.000+0000: shutting down, reason=migrated\n"


class NoEvents(EventLine):
    """Nothing has happened that an answer would have to wait for."""

    async def let_pass(self) -> None:
        return


def ask(module: FakeModule, files: QemuFiles, name: str = "vm") -> Asked:
    async def asked() -> Asked:
        effects = Effects(
            SteppedClock(), EventNumbers(), files, {URI: NoEvents(URI)}, open_session=impatient(module, 10.0)
        )
        try:
            answer = await effects.perform(Ask(Identity(f"uuid-of-{name}", name, URI)))
        finally:
            await effects.close()
        assert isinstance(answer, Asked)
        return answer

    return asyncio.run(asked())


@pytest.mark.parametrize(
    ("log", "mute", "words"),
    [(None, True, None), ("", True, None), (START, True, None), (START + MIGRATED, False, "migrated")],
)
def test_a_log_that_tells_nothing_of_one_that_is_gone_is_told_of(
    tmp_path: Path, log: str | None, mute: bool, words: str | None
) -> None:
    files = QemuFiles(tmp_path, tmp_path)
    (tmp_path / "other.log").write_text(START)
    if log is not None:
        (tmp_path / "vm.log").write_text(log)
    with played() as module, locked(tmp_path / "driver.pid"):
        answer = ask(module, files)
    assert answer.reading is None and answer.mute is mute
    assert (answer.traces.last_words if answer.traces else None) == words


@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize("before", ["", START + MIGRATED])
def test_of_what_was_brought_here_and_is_gone_its_log_tells_whether_it_never_came_up(
    tmp_path: Path, before: str, failed: bool
) -> None:
    end = MIGRATED.replace("migrated", "failed" if failed else "crashed")
    (tmp_path / "vm.log").write_text(f"{before}{START}-incoming defer \\\n{end}")
    with played() as module, locked(tmp_path / "driver.pid"):
        assert ask(module, QemuFiles(tmp_path, tmp_path)).aborted is failed


def test_of_one_that_libvirt_knows_or_where_no_logs_can_be_read_it_is_not(tmp_path: Path) -> None:
    files = QemuFiles(tmp_path, tmp_path)
    with played() as module, locked(tmp_path / "driver.pid"):
        assert not ask(module, files).mute
        module.domains["vm"] = FakeDomain("vm", 5)
        (tmp_path / "other.log").write_text(START)
        answer = ask(module, files)
    assert answer.reading is not None and answer.reading.power is Power.OFF and not answer.mute


@dataclass(frozen=True)
class HungLogs(QemuFiles):
    """Their disk does not answer before it is let go on."""

    goes_on: threading.Event = field(default_factory=threading.Event)

    def log(self, name: str) -> Log | None:
        self.goes_on.wait(PATIENCE)
        return super().log(name)


@dataclass(frozen=True)
class FailingLogs(QemuFiles):
    """Their disk fails where nobody expects it."""

    def log(self, name: str) -> Log | None:
        raise OSError(errno.EIO, "Input/output error")


def test_a_disk_that_fails_tells_nothing_though_it_should(tmp_path: Path) -> None:
    """Or nobody would answer the question, which is waited for."""
    with played() as module, locked(tmp_path / "driver.pid"):
        answer = ask(module, FailingLogs(tmp_path, tmp_path))
    assert answer.traces is None and answer.mute


def test_a_disk_that_hangs_holds_up_nobody_and_tells_nothing_though_it_should(tmp_path: Path) -> None:
    """As that of a host does whose storage has died: its instances die, and their logs cannot be read."""
    files = HungLogs(tmp_path, tmp_path)
    (tmp_path / "vm.log").write_text(START + MIGRATED)

    async def asked(module: FakeModule) -> object:
        effects = Effects(
            SteppedClock(),
            EventNumbers(),
            files,
            {URI: NoEvents(URI)},
            open_session=impatient(module, 10.0),
            disk_timeout=0.01,
        )
        try:
            return await effects.perform(Ask(Identity("uuid-of-vm", "vm", URI)))
        finally:
            assert not files.goes_on.is_set(), "nobody has waited for it"
            files.goes_on.set()
            await effects.close()

    with played() as module, locked(tmp_path / "driver.pid"):
        answer = asyncio.run(asked(module))
    assert isinstance(answer, Asked) and answer.traces is None and answer.mute


def ask_storages(module: FakeModule, *uris: str) -> object:
    async def asked() -> object:
        lines = {uri: NoEvents(uri) for uri in uris}
        opening = impatient(module, 10.0)
        effects = Effects(
            SteppedClock(), EventNumbers(), QemuFiles(Path(), Path()), lines, open_session=opening
        )
        try:
            return await effects.perform(AskStorages(URI))
        finally:
            await effects.close()

    return asyncio.run(asked())


@pytest.mark.parametrize("fault", ["", "refuses", "no XML"])
def test_on_what_storages_disks_are_is_told_of_each_that_libvirt_describes(fault: str) -> None:
    with played() as module:
        odd, domain = module.add("odd", "vm")
        domain.disks = "<disk type='network' device='disk'><source protocol='rbd' name='vms/1'/></disk>"
        odd.error = denied() if fault == "refuses" else None
        odd.disks = "<disk" if fault == "no XML" else ""
        told = {"uuid-of-vm": ("rbd vms",)} | ({} if fault else {"uuid-of-odd": ()})
        assert ask_storages(module, URI) == StoragesSeen(URI, told)


def test_a_libvirt_that_is_away_or_is_not_configured_tells_of_no_storage() -> None:
    with played() as module:
        assert ask_storages(module) == StoragesSeen(URI, {})
        module.error = socket_closed()
        assert ask_storages(module, URI) == StoragesSeen(URI, {})


def test_a_domain_that_does_not_describe_its_disks_keeps_no_death_from_being_asked_about() -> None:
    """Such a call keeps a worker of libvirtd's; after a few of them nothing more is asked for that purpose."""

    async def asked() -> None:
        lines, opening = {URI: NoEvents(URI)}, impatient(module, 0.05)
        effects = Effects(
            SteppedClock(), EventNumbers(), QemuFiles(Path(), Path()), lines, open_session=opening
        )
        try:
            for _ in range(6):
                assert await effects.perform(AskStorages(URI)) == StoragesSeen(URI, {})
            answer = await effects.perform(Ask(Identity("uuid-of-vm", "vm", URI)))
            assert isinstance(answer, Asked) and answer.reading is not None
        finally:
            await effects.close()

    inside: list[int] = []
    with played() as module:
        locked_, _ = module.add("locked", "vm")
        module.domains["vm"].state_ = 5
        locked_.holds = holds = threading.Event()

        def hang() -> str:
            inside.append(1)
            holds.wait(60)
            return "<domain/>"

        locked_.XMLDesc = hang  # type: ignore[method-assign]
        asyncio.run(asked())
    assert len(inside) == 1
