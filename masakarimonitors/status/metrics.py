"""The status as Prometheus metrics, drawn from the monitors' statuses at the moment of asking.

Every sample has the label `monitor`; every other label is a word of a closed set, or the name of a view or a source, of
which a monitor has always the same. What can be told is told as 0, too, so that an alert never waits for a series to
appear. Every monitor writes the same families, so that what several have written can be put together.
"""

import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from masakarimonitors.core.agreement.book import Agreement
from masakarimonitors.core.decision import Instant, Ruling
from masakarimonitors.core.explained import Standing
from masakarimonitors.core.notification import (
    HostNotification,
    ProcessNotification,
    ReportStatus,
    VmNotification,
)
from masakarimonitors.status.exposition import Counted, Family, Type
from masakarimonitors.status.exposition import render as written
from masakarimonitors.status.health import Kind, Level, Sight
from masakarimonitors.status.model import MonitorStatus, SubjectRow
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.service import log_writer, loop_lag, own_process
from masakarimonitors.version import VERSION

_PREFIX = "masakari_monitors_"

TYPES = tuple(one.type for one in (VmNotification, HostNotification, ProcessNotification))
"""What a report may be about, in masakari's words."""
FATES = tuple(status for status in ReportStatus if status is not ReportStatus.PENDING)
"""How a report may end."""

_STORM = "storm:"

_Sample = tuple[float | Counted, tuple[str, ...]]
_Metric = tuple[str, Type, str, tuple[str, ...], Callable[["_Shown"], Iterator[_Sample]]]


class _Shown:
    """One monitor at one moment: each part of it is asked for once."""

    def __init__(self, status: MonitorStatus, now: Instant, figures: Mapping[str, float]) -> None:
        self.status, self.record, self.now = status, status.record, now
        self.health = status.health(now)
        self.rows: Sequence[SubjectRow] = status.subjects()
        self.delivered = status.delivered()
        self.outbox = status.outbox()
        self.figures = figures


def _one(value: Callable[[_Shown], float | None]) -> Callable[[_Shown], Iterator[_Sample]]:
    """One sample without further labels; none where the value is not known."""

    def samples(shown: _Shown) -> Iterator[_Sample]:
        found = value(shown)
        if found is not None:
            yield found, ()

    return samples


def _health(shown: _Shown) -> Iterator[_Sample]:
    for level in Level:
        yield float(level is shown.health.level), (level.value,)


def _causes(shown: _Shown) -> Iterator[_Sample]:
    counted = Counter(cause.kind for cause in shown.health.causes)
    for kind in Kind:
        yield counted[kind], (kind.value,)


def _proven(shown: _Shown) -> Iterator[_Sample]:
    for one in shown.health.views:
        yield float(one.view.sight is Sight.PROVEN), (one.view.name,)


def _seen(shown: _Shown) -> Iterator[_Sample]:
    for one in shown.health.views:
        if one.proven_at is not None:
            yield one.proven_at.wall.timestamp(), (one.view.name,)


def _running(shown: _Shown) -> Iterator[_Sample]:
    for row in shown.record.sources.values():
        yield float(row.state == "running"), (row.name,)


def _failures(shown: _Shown) -> Iterator[_Sample]:
    for row in shown.record.sources.values():
        yield row.failures, (row.name,)


def _subjects(shown: _Shown) -> Iterator[_Sample]:
    counted = shown.status.count(shown.now)
    for standing in Standing:
        yield counted.get(standing, 0), (standing.value,)


def _held(shown: _Shown) -> Iterator[_Sample]:
    counted = Counter(row.held for row in shown.rows)
    for reason in dict.fromkeys([*shown.status.holds, *filter(None, counted)]):
        yield counted[reason], (reason,)


def _verdicts(shown: _Shown) -> Iterator[_Sample]:
    for ruling in Ruling:
        yield shown.record.rulings[ruling.value], (ruling.value,)


def _reports(shown: _Shown) -> Iterator[_Sample]:
    ended = shown.outbox.ended
    for about in dict.fromkeys([*TYPES, *(about for about, _ in ended)]):
        for fate in FATES:
            yield ended.get((about, fate.value), 0), (about, fate.value)


def _delays(shown: _Shown) -> Iterator[_Sample]:
    if shown.outbox.delays is not None:
        yield shown.outbox.delays, ()


def _standing_at_masakari(shown: _Shown) -> Iterator[_Sample]:
    for state, count in shown.outbox.delivered.items():
        yield count, (state,)


def _alarms(shown: _Shown) -> float:
    return sum(row.alarm for row in [*shown.rows, *shown.delivered])


def _oldest(shown: _Shown) -> float:
    oldest = shown.outbox.oldest
    return 0.0 if oldest is None else max(0.0, shown.now.monotonic - oldest)


def _reached(shown: _Shown) -> float | None:
    outbox = shown.outbox
    return float(not outbox.api_trouble) if outbox.api_asked or outbox.api_trouble else None


def _reporter(shown: _Shown) -> float | None:
    reports = shown.status.reports(shown.now)
    return None if reports is None else float(reports)


def _fleet(shown: _Shown) -> Iterator[_Sample]:
    counts = (shown.status.fleet() or {}).get("counts")
    if isinstance(counts, dict):
        for state, count in counts.items():
            yield float(count) if isinstance(count, int) else 0.0, (state,)


def _storms(shown: _Shown) -> float:
    return sum(row.subject.startswith(_STORM) for row in shown.rows)


def _lost_records(shown: _Shown) -> float | None:
    lost = shown.status.journal().get("lost")
    return float(lost) if isinstance(lost, int) else None


def _agreement(shown: _Shown) -> Iterator[_Sample]:
    """Of a shadow alone."""
    if shown.status.shadow is not None:
        counted = shown.status.shadow()["agreement"]
        assert isinstance(counted, dict)
        for agreement in Agreement:
            yield float(str(counted[agreement.value])), (agreement.value,)


def _figure(name: str) -> Callable[[_Shown], Iterator[_Sample]]:
    return _one(lambda shown: shown.figures.get(name))


def _build(shown: _Shown) -> Iterator[_Sample]:
    yield 1.0, (VERSION, platform.python_version())


_G, _C, _H = Type.GAUGE, Type.COUNTER, Type.HISTOGRAM

_OURS: Sequence[_Metric] = (
    ("build_info", _G, "Always 1; which release runs on which Python.", ("version", "python"), _build),
    ("health", _G, "1 for the health that the monitor has, 0 for the two others.", ("health",), _health),
    ("causes", _G, "How many things are wrong with the monitor, by what they are.", ("cause",), _causes),
    (
        "view_proven",
        _G,
        "1 while it is proven that what the view is of can be seen; 0 while it is blind, or was not looked at yet.",
        ("view",),
        _proven,
    ),
    (
        "last_view_timestamp_seconds",
        _G,
        "When the view was last proven, since 1970; none before the first time since the start.",
        ("view",),
        _seen,
    ),
    (
        "source_running",
        _G,
        "1 while the source is at work, 0 while it is failed; one that sees nothing is at work.",
        ("source",),
        _running,
    ),
    ("source_failures_total", _C, "How often a source had to be started again.", ("source",), _failures),
    (
        "subjects",
        _G,
        "What the monitor watches, hosts, instances, guests or processes, by where each stands.",
        ("state",),
        _subjects,
    ),
    (
        "held",
        _G,
        "Subjects of which a failure is not told, or would not be seen, by the reason.",
        ("reason",),
        _held,
    ),
    (
        "shadow",
        _G,
        "1 for a monitor that only looks, beside others that act: it tells masakari nothing.",
        (),
        _one(lambda shown: float(shown.status.shadow is not None)),
    ),
    (
        "agreement",
        _G,
        "Of a shadow: what it would have told and what others have told masakari, by how they agree.",
        ("agreement",),
        _agreement,
    ),
    ("storms", _G, "Storms that hold reports at present.", (), _one(_storms)),
    (
        "silences",
        _G,
        "Silences that people have asked for and that hold reports at present.",
        (),
        _one(lambda shown: len(shown.status.silences())),
    ),
    (
        "alarms",
        _G,
        "Subjects that need a human, and delivered reports that masakari does not recover.",
        (),
        _one(_alarms),
    ),
    (
        "reporter",
        _G,
        "1 while this monitor reports hosts, 0 while it does not; none where no reporter is elected.",
        (),
        _one(_reporter),
    ),
    (
        "fleet",
        _G,
        "Monitors of all hosts, by how each stands beside the others; none where this monitor does not read that.",
        ("state",),
        _fleet,
    ),
    ("verdicts_total", _C, "Verdicts by ruling.", ("ruling",), _verdicts),
    ("reports_total", _C, "Reports that ended, by type and by how they ended.", ("type", "fate"), _reports),
    (
        "detection_to_delivery_seconds",
        _H,
        "From when a report was made, as its failure was found, until masakari had it.",
        (),
        _delays,
    ),
    ("outbox_pending", _G, "Reports that have not ended.", (), _one(lambda shown: shown.outbox.pending)),
    (
        "oldest_pending_seconds",
        _G,
        "The age of the oldest of these; 0 where there is none.",
        (),
        _one(_oldest),
    ),
    (
        "outbox_waiting",
        _G,
        "Reports that wait for their turn at masakari.",
        (),
        _one(lambda shown: len(shown.outbox.waiting)),
    ),
    (
        "outbox_unfinished",
        _G,
        "Reports of this host's instances that masakari's engine has not ended with, as last seen.",
        (),
        _one(lambda shown: shown.outbox.unfinished),
    ),
    (
        "outbox_overdue",
        _G,
        "Reports that stand at masakari for longer than its engine needs.",
        (),
        _one(lambda shown: shown.outbox.overdue),
    ),
    (
        "outbox_delivered",
        _G,
        "Delivered reports that masakari was not seen to finish with, by where they stand there.",
        ("state",),
        _standing_at_masakari,
    ),
    (
        "outbox_in_memory",
        _G,
        "1 while the outbox is not kept on disk.",
        (),
        _one(lambda shown: float(bool(shown.outbox.disk_fault) or not shown.outbox.keeps)),
    ),
    (
        "outbox_volatile",
        _G,
        "1 while the folder of the outbox is one that does not outlive the host's next start, or its container.",
        (),
        _one(lambda shown: float(bool(shown.outbox.volatile))),
    ),
    (
        "api_reachable",
        _G,
        "0 while the last report or question had no answer as masakari-api gives it; none before the first.",
        (),
        _one(_reached),
    ),
    (
        "faults_total",
        _C,
        "Faults inside the monitor, and reports that were not taken, since its start.",
        (),
        _one(lambda shown: shown.record.fault_count),
    ),
    (
        "journal_records_lost_total",
        _C,
        "Records that the disk did not take in time for the journal; none where there is no journal.",
        (),
        _one(_lost_records),
    ),
    (
        "log_lines_lost_total",
        _C,
        "Lines of the log of this monitor's process that nothing took or that were refused.",
        (),
        _one(lambda shown: log_writer.lost_lines()),
    ),
    (
        "loop_lag_seconds",
        _G,
        "By how much the loop of this monitor's process was late at most, within the last minute or two.",
        (),
        _one(lambda shown: loop_lag.longest()),
    ),
)

_PROCESS: Sequence[_Metric] = tuple(
    (name, _C if name.endswith("_total") else _G, meaning, (), _figure(name))
    for name, meaning in own_process.MEANINGS.items()
)


def families(statuses: Sequence[MonitorStatus], now: Instant) -> Sequence[Family]:
    """Every metric, with the samples of these monitors."""
    figures = own_process.figures()
    shown = [(status.record.monitor, _Shown(status, now, figures)) for status in statuses]
    made = []
    for prefix, metrics in ((_PREFIX, _OURS), ("", _PROCESS)):
        for name, kind, meaning, labels, samples in metrics:
            family = Family(f"{prefix}{name}", kind, meaning, ("monitor", *labels))
            for monitor, one in shown:
                for value, words in samples(one):
                    family.add(value, monitor, *words)
            made.append(family)
    return made


def render(statuses: Sequence[MonitorStatus], clock: Clock) -> bytes:
    """The text exposition format."""
    return written(families(statuses, clock.now())).encode()
