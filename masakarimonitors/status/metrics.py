"""The status as Prometheus metrics, drawn from the monitors' statuses at the moment of asking."""

from collections import Counter
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from masakarimonitors.status.health import Level, Sight
from masakarimonitors.status.model import MonitorStatus
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.service import log_writer

_PREFIX = "masakari_monitors"


class _Statuses(Collector):
    def __init__(self, statuses: Sequence[MonitorStatus], clock: Clock) -> None:
        self._statuses = statuses
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily(f"{_PREFIX}_up_seconds", "Since the monitor started.", labels=["monitor"])
        health = GaugeMetricFamily(
            f"{_PREFIX}_health",
            "1 for the health that the monitor has, ok, degraded or blind; 0 for the two others.",
            labels=["monitor", "health"],
        )
        proven = GaugeMetricFamily(
            f"{_PREFIX}_view_proven",
            "1 while it is proven that what the view is of can be seen.",
            labels=["monitor", "view"],
        )
        seen = GaugeMetricFamily(
            f"{_PREFIX}_last_view_timestamp_seconds",
            "When the view was last proven, since 1970; none before the first time since the start.",
            labels=["monitor", "view"],
        )
        source = GaugeMetricFamily(
            f"{_PREFIX}_source_running",
            "1 while the source is at work, 0 while it is failed; one that sees nothing is at work.",
            labels=["monitor", "source"],
        )
        failures = CounterMetricFamily(
            f"{_PREFIX}_source_failures",
            "How often a source had to be started again.",
            labels=["monitor", "source"],
        )
        subjects = GaugeMetricFamily(
            f"{_PREFIX}_subjects", "Watched subjects by state.", labels=["monitor", "state"]
        )
        held = GaugeMetricFamily(
            f"{_PREFIX}_held",
            "Subjects of which a failure is not told, or would not be seen, by the reason.",
            labels=["monitor", "reason"],
        )
        alarms = GaugeMetricFamily(
            f"{_PREFIX}_alarms",
            "Subjects that need a human, and delivered reports that masakari does not recover.",
            labels=["monitor"],
        )
        rulings = CounterMetricFamily(
            f"{_PREFIX}_verdicts", "Verdicts by ruling.", labels=["monitor", "ruling"]
        )
        pending = GaugeMetricFamily(
            f"{_PREFIX}_outbox_pending", "Reports not yet settled.", labels=["monitor"]
        )
        settled = CounterMetricFamily(
            f"{_PREFIX}_outbox_settled", "Reports by what became of them.", labels=["monitor", "status"]
        )
        paced = GaugeMetricFamily(
            f"{_PREFIX}_outbox_waiting", "Reports that wait for their turn at masakari.", labels=["monitor"]
        )
        unfinished = GaugeMetricFamily(
            f"{_PREFIX}_outbox_unfinished",
            "Reports of this host's instances that masakari's engine has not ended with, as last seen.",
            labels=["monitor"],
        )
        overdue = GaugeMetricFamily(
            f"{_PREFIX}_outbox_overdue",
            "Reports that stand at masakari for longer than its engine needs.",
            labels=["monitor"],
        )
        delivered = GaugeMetricFamily(
            f"{_PREFIX}_outbox_delivered",
            "Delivered reports that masakari was not seen to finish with, by where they stand there.",
            labels=["monitor", "state"],
        )
        disk = GaugeMetricFamily(
            f"{_PREFIX}_outbox_in_memory", "1 while the outbox is not kept on disk.", labels=["monitor"]
        )
        volatile = GaugeMetricFamily(
            f"{_PREFIX}_outbox_volatile",
            "1 while the folder of the outbox is one that does not outlive the host's next start, or its container.",
            labels=["monitor"],
        )
        api = GaugeMetricFamily(
            f"{_PREFIX}_api_reachable",
            "0 while masakari-api does not answer, reports or questions; none while nobody has asked it.",
            labels=["monitor"],
        )
        faults = GaugeMetricFamily(
            f"{_PREFIX}_faults", "Faults inside the monitor that are shown.", labels=["monitor"]
        )
        log = CounterMetricFamily(
            f"{_PREFIX}_log_lines_lost",
            "Lines that nothing took or that were refused, in this process.",
            value=log_writer.lost_lines(),
        )
        now = self._clock.now()
        for status in self._statuses:
            record = status.record
            name = record.monitor
            up.add_metric([name], now.monotonic - record.started.monotonic)
            judged = status.health(now)
            for level in Level:
                health.add_metric([name, level.value], float(level is judged.level))
            for one in judged.views:
                proven.add_metric([name, one.view.name], float(one.view.sight is Sight.PROVEN))
                if one.proven_at is not None:
                    seen.add_metric([name, one.view.name], one.proven_at.wall.timestamp())
            for row in record.sources.values():
                source.add_metric([name, row.name], float(row.state == "running"))
                failures.add_metric([name, row.name], row.failures)
            rows = status.subjects()
            for state, count in Counter(row.state for row in rows).items():
                subjects.add_metric([name, state], count)
            for reason, count in Counter(row.held for row in rows if row.held).items():
                held.add_metric([name, reason], count)
            alarms.add_metric([name], sum(row.alarm for row in [*rows, *status.delivered()]))
            for ruling, count in record.rulings.items():
                rulings.add_metric([name, ruling], count)
            outbox = status.outbox()
            pending.add_metric([name], outbox.pending)
            paced.add_metric([name], len(outbox.waiting))
            unfinished.add_metric([name], outbox.unfinished)
            overdue.add_metric([name], outbox.overdue)
            for state, count in outbox.delivered.items():
                delivered.add_metric([name, state], count)
            for became, count in outbox.counts.items():
                settled.add_metric([name, became], count)
            disk.add_metric([name], float(bool(outbox.disk_fault) or not outbox.keeps))
            volatile.add_metric([name], float(bool(outbox.volatile)))
            if outbox.api_asked or outbox.api_trouble:
                api.add_metric([name], float(not outbox.api_trouble))
            faults.add_metric([name], len(record.faults))
        outboxes = [pending, paced, unfinished, overdue, delivered, settled, disk, volatile]
        return [
            up,
            health,
            proven,
            seen,
            source,
            failures,
            subjects,
            held,
            alarms,
            rulings,
            *outboxes,
            api,
            faults,
            log,
        ]


def render(statuses: Sequence[MonitorStatus], clock: Clock) -> bytes:
    """The text exposition format."""
    registry = CollectorRegistry()
    registry.register(_Statuses(statuses, clock))
    return generate_latest(registry)
