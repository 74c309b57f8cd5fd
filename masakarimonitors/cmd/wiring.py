"""Options become parts: the API client, the outbox, the delivery's patience, and each monitor in its place.

Shared by every command that runs monitors. Reads conf; what it returns no longer does, and is whole:
the runner only runs it.
"""

import importlib
import importlib.util
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oslo_config import cfg

from masakarimonitors.cmd import access
from masakarimonitors.cmd.console.names import MONITORS as MONITORS
from masakarimonitors.cmd.console.names import NotBuilt as NotBuilt
from masakarimonitors.conf import ConfigFault
from masakarimonitors.core.decision import JSON, Instant, Verdict
from masakarimonitors.daemon import Daemon
from masakarimonitors.journal.writer import SUFFIX, Journal
from masakarimonitors.masakari_api import MINIMUM_TIMEOUT, TIMEOUT, Adapter, Api, MasakariApi
from masakarimonitors.masakari_lists import Reader, ReportFinder
from masakarimonitors.monitor import MasakariReader, Memory, Monitor, OwnStanding
from masakarimonitors.outbox.by_hand import ByHand
from masakarimonitors.outbox.delivery.arrivals import Arrivals
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.explained import gates
from masakarimonitors.outbox.follow_through.follower import Follower
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.pace.looks import Looks
from masakarimonitors.outbox.pace.pace import PacePolicy
from masakarimonitors.outbox.pace.pacing import OFF, Pacing
from masakarimonitors.outbox.progress import FollowPolicy
from masakarimonitors.outbox.storage.disk import DEADLINE
from masakarimonitors.outbox.storage.lock import InUse, Lock
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.outbox.storage.store import MemoryStore, Store, StoreFault
from masakarimonitors.outbox.tally import BOUNDS
from masakarimonitors.outbox.unconfirmed import UNCONFIRMED
from masakarimonitors.shadow.far_end import ReadOnly
from masakarimonitors.silencing.silenced import OF_MONITOR, silenced, without
from masakarimonitors.status.exposition import Counted
from masakarimonitors.status.model import (
    MonitorStatus,
    OutboxRow,
    OutboxStanding,
    Record,
    SubjectRow,
    WaitingRow,
)
from masakarimonitors.system.clock import Clock, boot_id
from masakarimonitors.system.threads import Pool
from masakarimonitors.version import VERSION

if TYPE_CHECKING:
    from masakarimonitors.recording.recorder import Recorder

LOG = logging.getLogger(__name__)

# Seconds between two such questions, and by how much a thousand monitors differ in them: a masakari-api that has just
# come back has better things to do.
_ASK_AGAIN, _ASK_AGAIN_SPREAD = 300.0, 60.0
# Seconds after the start until the first one, with the same spread, if nobody has asked: until then a monitor whose
# password is wrong calls itself well. As soon as a report that masakari does not take would count.
_ASK_FIRST = 60.0
# Seconds after which it is asked though nothing is to be told. A thousand hosts, each with four monitors in processes
# of their own, make 4,000 / 4,500 s: less than one such question a second.
_UNASKED = 4500.0
_SMALLEST = "/segments?limit=1"


def monitor_module(name: str) -> Any:
    """The module that builds a monitor; raises NotBuilt."""
    path = f"masakarimonitors.{name}.monitor"
    if importlib.util.find_spec(path) is None:
        raise NotBuilt(f"masakari-{name} is not part of this release: it watches nothing and ends here.")
    return importlib.import_module(path)


def obstacle(name: str, conf: cfg.ConfigOpts) -> str:
    """Why that monitor cannot work on this host, or nothing; raises NotBuilt, ConfigFault.

    A monitor's module may offer `cannot_work(conf) -> str`; one that does not can always be tried.
    """
    look: Callable[[cfg.ConfigOpts], str] = getattr(monitor_module(name), "cannot_work", lambda conf: "")
    return look(conf)


def lacking(name: str) -> str:
    """What this installation lacks for that monitor, which no waiting brings; or nothing. Raises NotBuilt.

    A monitor's module may offer `lacks() -> str`; one that does not needs nothing.
    """
    look: Callable[[], str] = getattr(monitor_module(name), "lacks", lambda: "")
    return look()


@dataclass(frozen=True, slots=True, kw_only=True)
class WiredMonitor:
    """One monitor with all that it needs, ready to run; what the commands around it may look at."""

    monitor: Monitor[Any, Any]
    outbox: Outbox
    delivery: Delivery
    daemon: Daemon[Any, Any]
    follower: Follower
    status: MonitorStatus
    by_hand: ByHand

    @property
    def name(self) -> str:
        """As it is called in `MONITORS`."""
        return self.monitor.name


OnVerdict = Callable[[Verdict, Instant], None]


def wire(
    monitor: Monitor[Any, Any],
    outbox: Outbox,
    api: Api,
    policy: DeliveryPolicy,
    clock: Clock,
    *,
    on_verdict: OnVerdict = lambda verdict, at: None,
    arrivals: Arrivals | None = None,
    pace: PacePolicy = OFF,
    looks: Looks | None = None,
    reader: Reader | None = None,
    follow: FollowPolicy | None = None,
    reach: Callable[[], str | None] = lambda: "",
    volatile: str = "",
    journal: Journal | None = None,
    shadow: Callable[[], dict[str, JSON]] | None = None,
    on_change: Callable[[], None] = lambda: None,
) -> WiredMonitor:
    """Put a monitor between its open outbox and masakari-api; `on_verdict` is told each of its verdicts.

    `arrivals` tells whether masakari has a report already; without it only its answers do. `pace`: how many reports
    about instances stand there at a time (by default as many as there are), counted by `looks`. `reader` tells what
    becomes of those that masakari has, and `follow` says how often it is asked; without it nobody follows them.
    `reach`: why masakari-api is out of reach, as whoever asked it last has seen; None while nobody has asked.
    `volatile`: why the outbox's folder does not outlive the host's next start or its container, if so.
    `journal` takes each verdict. `shadow`: how it agrees with those who act, where it is a shadow.
    `on_change`: called when its health may have become another one.
    """
    keep = journal.verdict if journal is not None else lambda told: None
    record = Record(monitor.name, clock.now(), on_verdict, on_record=keep, on_change=on_change)
    for one in outbox.unreadable:
        record.defect(one, clock.now())
    outbox.watch_defects(lambda text: record.defect(text, clock.now()))
    daemon = Daemon(monitor, outbox, clock, record)

    def tell(text: str) -> None:
        record.fault(text, clock.now())

    follow = follow or FollowPolicy()
    follower = Follower(outbox, clock, reader, follow, is_well=daemon.is_well, left_to=monitor.left_to)
    monitor.watch_following(follower)
    pacing = Pacing(outbox, clock, pace, looks, on_fault=tell, on_seen=follower.seen)
    delivery = Delivery(
        outbox,
        api,
        policy,
        clock,
        on_settled=daemon.settled,
        arrivals=arrivals,
        may_offer=daemon.may_offer,
        pacing=pacing,
        on_fault=tell,
        held_patience=monitor.held_patience,
    )
    monitor.watch_delivery(lambda: delivery.shut)

    def standing() -> OutboxStanding:
        return OutboxStanding(**_standing(outbox, delivery, reach(), volatile))

    status = MonitorStatus(
        record,
        daemon.subjects,
        lambda: _outbox_row(outbox, delivery, follower, reach(), volatile),
        follower.describe,
        views=daemon.views,
        unreported=lambda: daemon.unreported(since=clock.now().monotonic - follow.day),
        explain=lambda subject, now, rows: _explained(subject, now, daemon, delivery, rows),
        journal=journal.describe if journal is not None else dict,
        count=daemon.count,
        holds=[*monitor.holds, UNCONFIRMED],
        reports=daemon.reports,
        silences=daemon.silences,
        grid=daemon.grid,
        whole=daemon.whole,
        fleet=daemon.fleet,
        shadow=shadow,
        standing=standing,
    )
    monitor.watch_standing(lambda: OwnStanding(daemon.state, status.health(clock.now()), standing()))
    return WiredMonitor(
        monitor=monitor,
        outbox=outbox,
        delivery=delivery,
        daemon=daemon,
        follower=follower,
        status=status,
        by_hand=ByHand(outbox, delivery, clock, may_offer=daemon.may_offer, on_dropped=daemon.dropped),
    )


def _explained(
    subject: str, now: Instant, daemon: Daemon[Any, Any], delivery: Delivery, rows: Sequence[SubjectRow]
) -> dict[str, JSON] | None:
    """How the subject stands, with its reports that wait and those that masakari has; None: nothing is known of it."""
    told = daemon.explain(subject, now)
    subject = told.subject if told is not None else subject
    waiting: list[JSON] = [
        {
            "report": seen.row.id,
            "made": seen.row.created.isoformat(),
            "why": seen.row.why,
            "tries": seen.row.attempts,
            "answer": seen.row.answer,
            "gates": [one.as_json() for one in gates(seen, now)],
        }
        for seen in delivery.seen(subject, now)
    ]
    delivered: list[JSON] = [
        {"state": row.state, "detail": row.detail, "alarm": row.alarm}
        for row in rows
        if row.subject == subject
    ]
    if told is None and not waiting and not delivered:
        return None
    known = told.as_json() if told is not None else {"subject": subject}
    return {**known, "waiting": waiting, "delivered": delivered}


def _standing(outbox: Outbox, delivery: Delivery, reach: str | None, volatile: str) -> dict[str, Any]:
    """The fields of an `OutboxStanding`."""
    return {
        "where": outbox.where,
        "folder": outbox.folder,
        "pending": outbox.waiting,
        "disk_fault": outbox.fault,
        "api_trouble": delivery.trouble or reach or "",
        "keeps": outbox.keeps,
        "hangs": outbox.hangs,
        "volatile": volatile,
        "unread": outbox.unread,
        "oldest": outbox.oldest,
    }


def _outbox_row(
    outbox: Outbox, delivery: Delivery, follower: Follower, reach: str | None, volatile: str
) -> OutboxRow:
    return OutboxRow(
        **_standing(outbox, delivery, reach, volatile),
        counts={status.value: count for status, count in outbox.counts.items()},
        waiting=[WaitingRow(one.subject, one.why) for one in delivery.pacing.waiting()],
        unfinished=delivery.pacing.unfinished,
        overdue=delivery.pacing.overdue,
        delivered=follower.counts(),
        api_asked=reach is not None,
        ended={(about, status.value): count for (about, status), count in outbox.tally.by_type.items()},
        delays=Counted(BOUNDS, tuple(outbox.tally.delays), outbox.tally.delay_total),
    )


def build(
    name: str,
    conf: cfg.ConfigOpts,
    outbox: Outbox,
    api: MasakariApi,
    clock: Clock,
    *,
    on_verdict: OnVerdict = lambda verdict, at: None,
    volatile: str = "",
    journal: Journal | None = None,
    recorder: "Recorder | None" = None,
    on_change: Callable[[], None] = lambda: None,
) -> WiredMonitor:
    """The monitor `name` in its place; raises ConfigFault, NotBuilt. `recorder` takes each observation with its
    decision."""
    monitor = build_monitor(name, conf, outbox.memory, clock, api, recorder)
    policy, arrivals = delivery_policy(conf, name), Arrivals(ReportFinder(api))
    return wire(
        monitor,
        outbox,
        api,
        policy,
        clock,
        on_verdict=on_verdict,
        arrivals=arrivals,
        pace=pace_policy(conf),
        looks=Looks(api, clock),
        reader=api,
        follow=follow_policy(name),
        reach=lambda: api.trouble,
        volatile=volatile,
        journal=journal,
        on_change=on_change,
    )


def build_monitor(
    name: str,
    conf: cfg.ConfigOpts,
    memory: Memory,
    clock: Clock,
    api: MasakariReader,
    recorder: "Recorder | None" = None,
) -> Monitor[Any, Any]:
    """One monitor, wired but not running; raises ConfigFault, NotBuilt."""
    build: Callable[..., Monitor[Any, Any]] = monitor_module(name).build
    if name not in OF_MONITOR:
        return _recorded(build(conf, memory, clock, api), recorder)
    # Within its silences: what is recorded is played by its own decision, which knows of none.
    monitor = _recorded(build(conf, without(memory), clock, api), recorder)
    return silenced(monitor, memory, clock, float(conf.longest_silence), boot=boot_id(""))


def _recorded(monitor: Monitor[Any, Any], recorder: "Recorder | None") -> Monitor[Any, Any]:
    if recorder is None or monitor.kinds is None:
        return monitor
    return replace(monitor, decide=recorder.around(monitor.decide, monitor.rules, monitor.kinds().words))


def api_client(
    conf: cfg.ConfigOpts, endpoint: str | None = None, on_change: Callable[[], None] = lambda: None
) -> MasakariApi:
    """The client of masakari-api that `[api]` describes, or of `endpoint` with no authentication; of a shadow one that
    cannot post. `on_change`: see `MasakariApi`."""
    reads: Callable[[Adapter], Adapter] = ReadOnly if conf.shadow else lambda adapter: adapter
    if endpoint is not None:
        return MasakariApi(reads(access.open_endpoint(endpoint)), timeout=TIMEOUT, on_change=on_change)
    options = conf.api
    if options.auth_type == "password" and not options.auth_section and not options.auth_url:
        raise ConfigFault(
            "[api] does not say how masakari-api is reached. Set auth_url, username, password, project_name, "
            "user_domain_name and project_domain_name there; or auth_type = none with endpoint = "
            "http://127.0.0.1:15868/v1 for `masakari-monitors receiver`."
        )
    # Without one, keystone asked for a token could hold a thread for ever, and in the end all of them.
    timeout = max(float(options.timeout or TIMEOUT), MINIMUM_TIMEOUT)
    way = reads(access.adapter(conf, timeout))
    return MasakariApi(way, api_version=options.api_version, timeout=timeout, on_change=on_change)


def delivery_policy(conf: cfg.ConfigOpts, name: str) -> DeliveryPolicy:
    """How patiently the API is asked on behalf of a monitor: each has its own section of the manual."""
    match name:
        case "processmonitor":
            tries, interval = conf.process.api_retry_max, conf.process.api_retry_interval
        case "hostmonitor":
            tries, interval = conf.host.api_retry_max, conf.host.api_retry_interval
        case _:
            tries, interval = conf.callback.retry_max, conf.callback.retry_interval
    # An interval of 0 would keep a dead API busy; the manual's options allow it, so it is raised.
    return DeliveryPolicy(
        retry_max=tries, retry_interval=max(float(interval), 1.0), expiry=float(conf.notification_expiry)
    )


def pace_policy(conf: cfg.ConfigOpts) -> PacePolicy:
    """How many reports about the instances of one host stand at masakari at a time."""
    return PacePolicy(limit=conf.callback.max_unfinished)


def follow_policy(name: str) -> FollowPolicy:
    """How often masakari is asked what becomes of reports: hosts are told by one monitor, all else by each host's."""
    return FollowPolicy(late_gap=10.0) if name == "hostmonitor" else FollowPolicy()


async def ask_again(api: MasakariApi, clock: Clock, rng: random.Random) -> None:
    """Until cancelled, ask masakari-api now and then where nobody else does.

    Soon after the start if nobody has, and again while the last call found none: or what was seen of it once would be
    told for ever. Else when it was not asked for `_UNASKED`: or a monitor with nothing to report would call itself
    well, with a password that is not accepted any more, until its first failure could not be told.
    """
    calls, since = api.calls, clock.now().monotonic
    # Those that were started together, or saw an outage end, ask from then on at moments of their own.
    unasked, until_next = rng.uniform(0.0, _UNASKED), _ASK_FIRST
    while True:
        await clock.sleep(until_next + rng.uniform(0.0, _ASK_AGAIN_SPREAD))
        until_next = _ASK_AGAIN
        now = clock.now().monotonic
        if api.calls != calls:
            calls, since = api.calls, now
        known = api.trouble == ""
        if known and now - since < unasked:
            continue
        try:
            await api.get(_SMALLEST)
        except Exception as fault:  # noqa: BLE001 - the API client has kept what was seen, whatever it is
            LOG.debug("masakari-api is out of reach: %s", fault)
        calls, since = api.calls, clock.now().monotonic
        unasked = _UNASKED if known else rng.uniform(0.0, _UNASKED)


async def make_outbox(
    conf: cfg.ConfigOpts,
    state: Path | None,
    name: str,
    clock: Clock,
    on_written: Callable[[str], None] = lambda subject: None,
    journal: Journal | None = None,
) -> Outbox:
    """The outbox of a monitor under the state folder, or in memory without one; raises ConfigFault."""
    store: Store = MemoryStore()
    if state is not None:
        path, pool = state / f"{name}.sqlite", Pool("outbox lock")
        try:
            store = await pool.call(lambda: SqliteStore(path), DEADLINE, too_late=lambda late: late.close())
        except TimeoutError:
            store = SqliteStore(path, lock=Lock(path))  # locked as soon as the disk answers
        except (InUse, OSError) as fault:
            raise ConfigFault(str(fault)) from fault
        finally:
            pool.close()
    on_row = journal.row if journal is not None else lambda row: None
    return Outbox(store, clock, keep=conf.outbox_history_count, on_written=on_written, on_row=on_row)


def make_journal(state: Path | None, name: str, clock: Clock) -> Journal | None:
    """The journal of a monitor under the state folder; None without one: the status has the last verdicts."""
    return Journal(state / f"{name}{SUFFIX}", name, clock) if state is not None else None


def make_recorder(conf: cfg.ConfigOpts, state: Path | None, name: str) -> "Recorder | None":
    """The recorder of a monitor under the state folder; None without one, and where none is wanted."""
    size = conf.recording_size << 20
    if state is None or not size:
        return None
    from masakarimonitors.recording import recorder  # which few want

    return recorder.Recorder(state / f"{name}{recorder.SUFFIX}", name, VERSION, size)


async def open_outbox(outbox: Outbox) -> None:
    """Read what an earlier run left in it; raises ConfigFault when it is there and cannot be read at present."""
    try:
        await outbox.open()
    except StoreFault as fault:
        raise unreadable(fault) from fault


def unreadable(fault: StoreFault) -> ConfigFault:
    """What an operator is told of an outbox that is there and cannot be read at present."""
    return ConfigFault(
        f"The outbox cannot be read ({fault}). Reports may wait in it, and one that turned up later would be "
        "delivered without anybody having looked whether it still holds: nothing is watched until it can be "
        "read. End whatever holds the file (a backup, an open sqlite3), or mend the disk under it; a service "
        "manager tries again by itself. Only if nothing in it matters any more: move the file away."
    )
