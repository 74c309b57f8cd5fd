"""Guests that hang, panic, pause, reboot and stop under real QEMU, and what the heartbeat makes of each.

All are booted together and their faults played together, each on a machine of its own, under one
monitor; then each is looked at.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from masakarimonitors.decisions import Ruling
from tests.integration.virt.domain import file_disk
from tests.integration.virt.introspective import FAST, REPORT, pinging
from tests.integration.virt.machine import Machine
from tests.integration.virt.realm import Realm, until
from tests.integration.virt.watching import Watch

pytestmark = [pytest.mark.xdist_group("virt"), pytest.mark.timeout(600)]

LONG = 180.0
"""Seconds for anything here on a slow, loaded machine: a guest boots in 4 s, a hang is reported after 15."""

GUESTS: dict[str, dict[str, Any]] = {
    "hung": {},
    "hung-second-channel": {"agent": "second"},
    "panicked": {"panic_device": False, "panic_reboots_after": 0},
    "agent-stopped-idle": {},
    "agent-stopped-writing": {"disk": True},
    "agent-stopped-working": {},
    "agent-killed": {},
    "paused": {},
    "rebooted": {},
    "powered-off": {},
    "saved": {},
    "well": {},
}

# Busy for five ticks of the guest's own clock, then asleep for eight: neither idle nor spinning, however slow
# the host is.
_WORK = """while :; do
  n=0
  while [ $n -lt 5 ]; do read now rest </proc/uptime; [ "$now" = "$last" ] || { last=$now; n=$((n+1)); }; done
  usleep 80000
done"""
_READ = (
    "while :; do dd if=/dev/vda of=/dev/null bs=4096 count=4 iflag=direct 2>/dev/null; usleep 200000; done"
)


@dataclass
class Stage:
    """The machines by role, and the monitor's run over them."""

    machines: dict[str, Machine] = field(default_factory=dict)
    watch: Watch | None = None

    def said(self, role: str) -> list[str]:
        assert self.watch is not None
        return self.watch.said(self.machines[role])

    def rulings(self, role: str) -> list[Ruling]:
        assert self.watch is not None
        return [verdict.ruling for verdict in self.watch.verdicts(self.machines[role])]

    def is_held(self, role: str) -> bool:
        return Ruling.HELD in self.rulings(role)

    def is_healthy(self, role: str) -> bool:
        return self.state(role) == "healthy"

    def words(self, role: str) -> str:
        assert self.watch is not None
        return " | ".join(f"{v.why} [{v.evidence}]" for v in self.watch.verdicts(self.machines[role]))

    def state(self, role: str) -> str:
        assert self.watch is not None
        return self.watch.states().get(f"vm:{self.machines[role].uuid}", "gone")


@pytest.fixture(scope="module")
def played(realm: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything has happened, and every machine that is to be reported or held was."""
    stage = Stage()

    def boot(role: str) -> tuple[str, Machine]:
        options = dict(GUESTS[role])
        if options.pop("disk", False):
            disk = realm.layout / "var/lib/libvirt/writing.raw"
            disk.write_bytes(bytes(1 << 20))
            options["disk"] = file_disk("/var/lib/libvirt/writing.raw", "report")
        return role, realm.boot(f"instance-{role}", **options)

    with ThreadPoolExecutor(4) as pool:
        stage.machines = dict(pool.map(boot, GUESTS))
    stage.machines["never-had-an-agent"] = realm.boot("instance-agentless", agent_runs=False)
    stage.machines["no-channel"] = realm.paused("instance-channelless")
    stage.machines["another-socket"] = realm.paused("stranger", agent="only")
    try:
        with pinging(realm, tmp_path_factory.mktemp("introspective"), **FAST) as watch:
            stage.watch = watch
            for role in GUESTS:
                watch.knows(stage.machines[role], "healthy")
            _play(stage)
            for role in ("hung", "hung-second-channel", "panicked", "agent-stopped-idle"):
                until(partial(stage.said, role), f"the report of {role}", LONG)
            for role in ("agent-stopped-writing", "agent-stopped-working"):
                until(partial(stage.is_held, role), f"{role} to be held", LONG)
            for role in ("rebooted", "saved"):
                until(partial(stage.is_healthy, role), f"{role} to be healthy again", LONG)
            yield stage
    finally:
        for machine in stage.machines.values():
            machine.remove()


def _play(stage: Stage) -> None:
    machines = stage.machines
    machines["agent-stopped-writing"].guest_exec(_READ)
    machines["agent-stopped-working"].guest_exec(_WORK)
    for role in ("agent-stopped-writing", "agent-stopped-working", "agent-stopped-idle"):
        machines[role].hang_agent()
    machines["agent-killed"].kill_agent(for_good=True)
    machines["paused"].domain.suspend()
    machines["rebooted"].guest_reboot()
    machines["powered-off"].guest_poweroff()
    machines["saved"].domain.managedSave(0)
    machines["saved"].start()
    machines["panicked"].panic()
    machines["hung"].hang()
    machines["hung-second-channel"].hang()


@pytest.mark.parametrize("role", ["hung", "hung-second-channel", "panicked"])
def test_r19_a_hung_guest_is_reported_once(played: Stage, role: str) -> None:
    assert played.said(role) == [REPORT]
    assert played.state(role) == "reported"


def test_r24_the_report_names_the_configured_host(played: Stage) -> None:
    assert played.watch is not None
    assert {offer["hostname"] for offer in played.watch.api.offers} == {"compute-1"}
    assert {offer["type"] for offer in played.watch.api.offers} == {"VM"}


def test_a_stopped_qemu_is_told_by_its_processor_time(played: Stage) -> None:
    assert "QEMU used no processor time at all" in played.words("hung")


def test_a_panic_loop_is_not_taken_for_life(played: Stage) -> None:
    assert "virtual processors at 9" in played.words("panicked") or "100%" in played.words("panicked")


def test_the_last_look_leaves_a_stopped_qemus_state_lock_alone(played: Stage) -> None:
    """An ordinary call that needs the lock is answered; had the monitor asked QEMU, it would time out."""
    assert played.machines["hung"].domain.jobInfo()[0] == 0


@pytest.mark.parametrize("role", ["agent-stopped-writing", "agent-stopped-working"])
def test_a_stopped_agent_in_a_guest_at_work_is_held_and_shown(played: Stage, role: str) -> None:
    assert played.said(role) == []
    assert played.state(role) == "error"
    assert "the agent died, not the guest" in played.words(role)


def test_block_requests_are_the_evidence(played: Stage) -> None:
    assert "block requests completed in" in played.words("agent-stopped-writing")


def test_a_stopped_agent_in_an_idle_guest_looks_like_a_hung_guest(played: Stage) -> None:
    """The documented limit: nothing on the outside tells the two apart."""
    assert played.said("agent-stopped-idle") == [REPORT]


@pytest.mark.parametrize(
    "role", ["agent-killed", "paused", "rebooted", "powered-off", "saved", "well", "never-had-an-agent"]
)
def test_nobody_else_is_reported(played: Stage, role: str) -> None:
    assert played.said(role) == []
    assert Ruling.REPORTED not in played.rulings(role)


def test_what_is_not_judged_says_why(played: Stage) -> None:
    assert played.watch is not None and played.watch.board is not None
    detail = {row.subject: row.detail for row in played.watch.board.subjects()}
    for role, words in (
        ("paused", "not judged: paused"),
        ("agent-killed", "not judged: guest agent closed from inside"),
        ("no-channel", "it has no guest-agent channel"),
        ("another-socket", "does not match qemu_guest_agent_sock_path"),
    ):
        assert words in detail[f"vm:{played.machines[role].uuid}"]


def test_a_machine_that_was_powered_off_is_no_longer_watched(played: Stage) -> None:
    assert played.state("powered-off") == "gone"


def test_a_guest_that_answers_again_is_seen_healthy(played: Stage) -> None:
    """Last: it changes the stage."""
    played.machines["hung"].unhang()
    until(lambda: played.state("hung") == "healthy", "the woken guest to be seen healthy", LONG)
    played.machines["paused"].domain.resume()
    until(lambda: played.state("paused") == "healthy", "the resumed guest to be judged again", LONG)
    assert played.said("hung") == [REPORT] and played.said("paused") == []
