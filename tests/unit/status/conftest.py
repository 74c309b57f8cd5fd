"""One monitor's status, as the tests of this folder show it."""

import pytest

from masakarimonitors.core.decision import Ruling, Verdict
from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record, SubjectRow
from tests.fixtures.fake_clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def record(clock: FakeClock) -> Record:
    record = Record("hostmonitor", clock.now())
    record.source("consul", "running", "", clock.now())
    record.source("consul", "failed", "OSError: gone", clock.now())
    record.verdict(
        Verdict("host:compute-1", Ruling.REPORTED, "its storage is down", evidence="3 samples", alarm=True),
        clock.now(),
    )
    record.fault("a decision failed", clock.now())
    return record


@pytest.fixture
def status(record: Record) -> MonitorStatus:
    return MonitorStatus(
        record,
        subjects=lambda: (
            SubjectRow("host:compute-1", "down", "<b>storage</b> is down", alarm=True, held="storm"),
            SubjectRow("host:compute-2", "up"),
        ),
        outbox=lambda: OutboxRow(
            where="/x/hostmonitor.sqlite",
            pending=3,
            counts={"delivered": 2, "refused": 0},
            disk_fault="",
            api_trouble="503 down",
        ),
    )
