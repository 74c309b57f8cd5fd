"""What is taken back because masakari has recovered the whole host is said: not all of it runs again."""

import logging

import pytest

from tests.unit.outbox.pace.test_pacing import names, stage


async def test_what_was_dead_before_its_host_is_named_when_the_hosts_recovery_takes_its_report_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as on:
        await on.die(*names(12))
        await on.clock.advance(60)
        host = on.engine.report_host()  # only now the host itself dies
        host["status"] = "running"
        await on.clock.advance(170)
        for one in on.engine.unfinished():
            on.engine.end("failed", which=one)
        on.engine.end(which=host)
        await on.clock.advance(60)
        assert [on.status(name) for name in names(12)] == ["delivered"] * 2 + ["withdrawn"] * 10
        (fault,) = [fault for fault in on.faults if "recovered a whole host" in fault]
        assert [name for name in names(12) if f"vm:{name}" in fault] == names(12)[2:]
        assert "see whether it runs" in on.rows()[-1].answer
    (said,) = [record for record in caplog.records if record.getMessage() == fault]
    assert said.levelno == logging.WARNING


async def test_what_was_taken_back_is_said_after_a_restart_too_and_once() -> None:
    async with stage() as first:
        await first.die(*names(4))
        await first.clock.advance(20)
    host = first.engine.report_host()
    await first.clock.advance(300)
    for one in (host, *first.engine.unfinished()):
        first.engine.end(which=one)
    async with stage(on=first) as on:
        await on.clock.advance(60)
        (fault,) = on.faults
        assert "vm:i02, vm:i03" in fault
    async with stage(on=on) as again:
        await again.clock.advance(60)
        assert again.faults == []
