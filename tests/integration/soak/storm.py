"""A storm, by a seed: services die, masakari and the disk fail, the monitor is killed; then it is quiet.

In: a seed and for how many seconds. Out: a `Tally` of what happened and what has arrived. Each service has a life
of its own: it is killed now and then, and started again by its command; once in the storm its command fails, and
that is the one outage of it that masakari is to hear of, once. A witness is never killed: it must never be started nor
reported.
"""

import asyncio
import contextlib
import datetime
import random
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yaml

from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.outbox.rows import Row
from masakarimonitors.receiver.app import Receiver
from masakarimonitors.receiver.store import Accepted
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.monitor_process import shown_by_all
from tests.fixtures.waiting import eventually
from tests.integration.soak.disk import Disk, OnDisk, small_disk
from tests.integration.soak.services import Service
from tests.integration.soak.way import Api, Way

WITNESSES = 2
_QUIET = 600.0
"""Seconds within which all that was held up by the last fault has arrived, on a loaded computer."""


@dataclass
class Tally:
    """What was done (counted), who was to be reported, how often each was, and what is wrong besides."""

    done: Counter[str] = field(default_factory=Counter)
    broken: set[str] = field(default_factory=set)
    reported: Counter[str] = field(default_factory=Counter)
    besides: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Each thing that should not be so; empty is well."""
        found = list(self.besides)
        for name in sorted(self.broken | self.reported.keys()):
            due, seen = int(name in self.broken), self.reported[name]
            if due != seen:
                found.append(f"{name}: {due} outages to report, {seen} reports accepted")
        return found


def _shown(moment: datetime.datetime) -> str:
    """As the monitor's log shows it."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S.%f}"[:23]


class Storm:
    """One storm over one monitor."""

    def __init__(self, folder: Path, seed: str, services: int) -> None:
        """`services`: those that are killed."""
        self.tally = Tally()
        self.accepted: list[Accepted] = []
        self._seed = seed
        self._deeds: list[tuple[str, str]] = []
        self._folder = folder
        names = [f"service-{n}" for n in range(services)] + [f"witness-{n}" for n in range(WITNESSES)]
        self._services = [Service(folder, name) for name in names]
        self._list = folder / "process_list.yaml"
        self._write_list()

    async def rage(self, seconds: float) -> None:
        """Begin, rage for so long, end, and wait until it is quiet."""
        way, state = Way(), self._folder / "state"
        state.mkdir()
        receiver = Receiver(":memory:", SystemClock(), fault=way.fault, finishes=True)
        with small_disk(state) as disk:
            async with receiver.serve() as url, way.leading_to(url):
                with receiver.subscribed(self.accepted.append):
                    monitor = self._monitor(disk, way.url)
                    for service in self._services:
                        await self._started_by_hand(service)
                    witnesses = {one.name: one.pid for one in self._services[-WITNESSES:]}
                    with monitor:
                        async with asyncio.TaskGroup() as tasks:
                            manager = tasks.create_task(self._service_manager(monitor))
                            await self._all(monitor, way, disk, seconds)
                            await self._comes_to_rest(monitor)
                            manager.cancel()
                    self._count(witnesses)

    def _monitor(self, disk: Disk, url: str) -> OnDisk:
        monitor = OnDisk("processmonitor", self._folder, arguments=["--log-file", str(self._folder / "log")])
        monitor.disk, monitor.state = disk, disk.outside
        monitor.configure(
            {
                "DEFAULT": {"hostname": "node1", "state_path": disk.inside},
                "api": {"auth_type": "none", "endpoint": url},
                "process": {
                    "process_list_path": self._list,
                    "check_interval": 1,
                    "restart_retries": 1,
                    "restart_interval": 1,
                    "restart_grace": 0,
                    # A service that is started on a slow computer needs its time; who fails to start is not waited for.
                    "start_patience": 60,
                    "restarts_per_hour": 100_000,
                    "api_retry_interval": 1,
                    "own_pid_namespace": True,
                },
            }
        )
        return monitor

    async def _all(self, monitor: OnDisk, way: Way, disk: Disk, seconds: float) -> None:
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, over.set)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._weather(monitor, way, disk, over))
            for service in self._services[:-WITNESSES]:
                tasks.create_task(self._life(service, monitor, over))

    async def _life(self, service: Service, monitor: OnDisk, over: asyncio.Event) -> None:
        """Killed and started again, until the storm is over; its outage comes at some time in it."""
        chance = random.Random(f"{self._seed}/{service.name}")
        while not over.is_set() or service.name not in self.tally.broken:
            await self._pause(over, chance.uniform(0, 15))
            if service.name not in self.tally.broken and (over.is_set() or chance.random() < 0.3):
                await self._outage(service, monitor, chance, over)
            else:
                dead = service.kill()
                self._note(service.name, f"killed (pid {dead})", "killed")
                await self._wait(partial(self._is_another, service, dead), f"{service.name} started again")

    async def _outage(
        self, service: Service, monitor: OnDisk, chance: random.Random, over: asyncio.Event
    ) -> None:
        service.break_()
        service.kill()
        self.tally.broken.add(service.name)
        self._note(service.name, "its command fails from now on, and it was killed", "outages")
        await self._wait(lambda: self._reports()[service.name], f"the report of {service.name}")
        # Time for a second report that should not be.
        await self._pause(over, chance.uniform(0, 15))
        service.mend()
        self._note(service.name, "its command works again", "mended")
        if chance.random() < 0.5:
            await self._started_by_hand(service)
        await self._wait(lambda: service.pid, f"{service.name} started again")
        # Its end before that would be the same outage still.
        subject = f"process:{service.program}"
        await self._wait(lambda: monitor.states().get(subject) == "running", f"{service.name} known to run")

    async def _service_manager(self, monitor: OnDisk) -> None:
        """Starts the monitor again, however often it ends, within a second or two."""
        chance = random.Random(f"{self._seed}/manager")
        while True:
            await asyncio.sleep(chance.uniform(0.1, 2))
            if not monitor.running:
                self._note("weather", "the monitor is started again", "started again")
                monitor.start()

    async def _weather(self, monitor: OnDisk, way: Way, disk: Disk, over: asyncio.Event) -> None:
        chance = random.Random(f"{self._seed}/weather")

        async def api() -> None:
            way.api = chance.choice([one for one in Api if one is not Api.WELL])
            self._note("weather", f"masakari: {way.api.value}", f"masakari: {way.api.value}")
            await self._pause(over, chance.uniform(0.5, 8))
            way.api = Api.WELL

        async def full() -> None:
            await asyncio.to_thread(disk.fill)
            await self._pause(over, chance.uniform(0.5, 5))
            await asyncio.to_thread(disk.clear)

        async def crash() -> None:
            await asyncio.to_thread(monitor.signal, signal.SIGKILL)

        async def restart() -> None:
            await asyncio.to_thread(monitor.signal, signal.SIGTERM)

        async def stands_still() -> None:
            stopped = monitor.send(signal.SIGSTOP)
            await self._pause(over, chance.uniform(0.1, 3))
            stopped.send_signal(signal.SIGCONT)

        async def told_to_reload() -> None:
            monitor.send(signal.SIGHUP)

        async def asked_what_it_does() -> None:
            monitor.send(signal.SIGUSR2)

        async def slip_in_the_list() -> None:
            self._write_list("- process_nam: x\n")
            await self._pause(over, chance.uniform(0.1, 3))
            self._write_list()

        # A crash while the list has a slip, or while the disk is full, is one of a kind, too.
        faults = [api, api, api, full, crash, crash, restart, stands_still]
        faults += [told_to_reload, asked_what_it_does, slip_in_the_list]
        while not over.is_set():
            one, other = chance.sample(faults, 2)
            for fault in (one, other):
                self._note("weather", fault.__name__, fault.__name__)
            await self._pause(over, chance.uniform(0, 3))
            if chance.random() < 0.8:
                # On a slow computer, who is killed at each start never comes to do anything.
                await self._wait(monitor.status, "the monitor at work")
            await asyncio.gather(one(), other()) if chance.random() < 0.3 else await one()
        way.api = Api.WELL

    async def _comes_to_rest(self, monitor: OnDisk) -> None:
        running = {f"process:{one.program}": "running" for one in self._services}
        await self._wait(lambda: running.items() <= monitor.states().items(), "all of them known to run")
        await self._wait(
            lambda: not self._on_their_way(monitor),
            lambda: f"nothing on its way any more, not {self._on_their_way(monitor)}",
        )

    @staticmethod
    def _on_their_way(monitor: OnDisk) -> list[Row]:
        return [row for row in monitor.reports() if row.status is ReportStatus.PENDING]

    def _count(self, witnesses: dict[str, int]) -> None:
        self.tally.reported = self._reports()
        for one in self._services:
            if one.started_while_it_ran:
                self.tally.besides.append(f"{one.name} was started while it ran: {one.started_while_it_ran}")
        for one in self._services[-WITNESSES:]:
            if one.asked > 1 or one.pid != witnesses[one.name]:
                self.tally.besides.append(
                    f"{one.name} was never killed, and was started {one.asked - 1} times"
                )

    def _log(self) -> str:
        self.tally.reported = self._reports()
        return f"{shown_by_all()}\n{self.story()}\n{(self._folder / 'log').read_text()[-5000:]}"

    def _note(self, whom: str, what: str, counted: str) -> None:
        self.tally.done[counted] += 1
        self._deeds.append((_shown(SystemClock().now().wall), f"{whom}: {what}"))

    def story(self) -> str:
        """For a complaint: what was done to whom all went wrong with, and to all, and what the monitor said of it."""
        wrong = {line.split(":")[0].split(" ")[0] for line in self.tally.wrong}
        told = [(_shown(one.created_at), f"accepted: {one}") for one in self.accepted]
        said = [
            (line[:23], line[24:]) for line in (self._folder / "log").read_text(errors="replace").splitlines()
        ]
        lines = sorted([*self._deeds, *told, *said])
        names = tuple(f"{name}{end}" for name in wrong for end in (":", " ", "'", ")", ",", "]"))
        return "\n".join(
            f"{at} {what}" for at, what in lines if any(n in f"{what} " for n in (*names, "weather:"))
        )

    @staticmethod
    def _is_another(service: Service, dead: int) -> bool:
        return service.pid not in (0, dead)

    def _reports(self) -> Counter[str]:
        return Counter(Path(one.payload["process_name"]).name for one in self.accepted)

    def _write_list(self, text: str = "") -> None:
        entries = [
            {
                "process_name": str(one.program),
                "start_command": str(one.command),
                "restart_command": str(one.command),
            }
            for one in self._services
        ]
        new = self._list.with_suffix(".new")
        new.write_text(text or yaml.safe_dump(entries))
        new.rename(self._list)

    async def _wait(self, condition: Callable[[], object], what: str | Callable[[], str]) -> None:
        await eventually(
            condition,
            lambda: f"{what() if callable(what) else what}; {dict(self.tally.done)}; {self._log()}",
            _QUIET,
            every=0.2,
        )

    async def _started_by_hand(self, service: Service) -> None:
        process = await asyncio.create_subprocess_exec(str(service.command))
        await process.wait()

    async def _pause(self, over: asyncio.Event, seconds: float) -> None:
        """The storm takes its time, and ends at once where it is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await over.wait()
