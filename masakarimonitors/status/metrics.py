"""The status as Prometheus metrics, drawn from the boards at the moment of asking."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from masakarimonitors.status.board import Board
from masakarimonitors.system.clock import Clock

_PREFIX = "masakari_monitors"


class _Boards(Collector):
    def __init__(self, boards: Sequence[Board], clock: Clock) -> None:
        self._boards = boards
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily(f"{_PREFIX}_up_seconds", "Since the monitor started.", labels=["monitor"])
        source = GaugeMetricFamily(
            f"{_PREFIX}_source_running",
            "1 while the source runs, 0 while it is failed.",
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
        alarms = GaugeMetricFamily(f"{_PREFIX}_alarms", "Subjects that need a human.", labels=["monitor"])
        rulings = CounterMetricFamily(
            f"{_PREFIX}_verdicts", "Verdicts by ruling.", labels=["monitor", "ruling"]
        )
        pending = GaugeMetricFamily(
            f"{_PREFIX}_outbox_pending", "Reports not yet settled.", labels=["monitor"]
        )
        settled = CounterMetricFamily(
            f"{_PREFIX}_outbox_settled", "Reports by what became of them.", labels=["monitor", "status"]
        )
        disk = GaugeMetricFamily(
            f"{_PREFIX}_outbox_in_memory", "1 while the outbox cannot be written to disk.", labels=["monitor"]
        )
        api = GaugeMetricFamily(
            f"{_PREFIX}_api_reachable", "0 while masakari-api does not answer.", labels=["monitor"]
        )
        faults = GaugeMetricFamily(
            f"{_PREFIX}_faults", "Faults inside the monitor that are shown.", labels=["monitor"]
        )
        now = self._clock.now()
        for board in self._boards:
            name = board.monitor
            up.add_metric([name], now.monotonic - board.started.monotonic)
            for row in board.sources.values():
                source.add_metric([name, row.name], float(row.state == "running"))
                failures.add_metric([name, row.name], row.failures)
            states: dict[str, int] = {}
            alarmed = 0
            for subject in board.subjects():
                states[subject.state] = states.get(subject.state, 0) + 1
                alarmed += subject.alarm
            for state, count in states.items():
                subjects.add_metric([name, state], count)
            alarms.add_metric([name], alarmed)
            for ruling, count in board.rulings.items():
                rulings.add_metric([name, ruling], count)
            outbox = board.outbox()
            pending.add_metric([name], outbox.pending)
            for status, count in outbox.counts.items():
                settled.add_metric([name, status], count)
            disk.add_metric([name], float(bool(outbox.disk_fault)))
            api.add_metric([name], float(not outbox.api_trouble))
            faults.add_metric([name], len(board.faults))
        return [up, source, failures, subjects, alarms, rulings, pending, settled, disk, api, faults]


def render(boards: Sequence[Board], clock: Clock) -> bytes:
    """The text exposition format."""
    registry = CollectorRegistry()
    registry.register(_Boards(boards, clock))
    return generate_latest(registry)
