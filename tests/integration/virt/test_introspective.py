"""Guests that hang, panic, pause, reboot and stop under real QEMU, and what the heartbeat makes of each.

All are booted together and their faults played together, each on an instance of its own, under one
monitor; then each is looked at.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from masakarimonitors.core.decision import Ruling
from masakarimonitors.introspectiveinstancemonitor.core.outside.activity import SPINNING
from tests.fixtures.waiting import until
from tests.integration.virt.domain import file_disk
from tests.integration.virt.instance import Instance
from tests.integration.virt.introspective import FAST, REPORT, pinging
from tests.integration.virt.realm import Realm
from tests.integration.virt.watching import Watch

pytestmark = [pytest.mark.xdist_group("virt"), pytest.mark.timeout(600)]

LONG = 180.0
"""Seconds for anything here on a slow, loaded host: a guest boots in 4 s, a hang is reported after 20."""

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
_WORK = (
    "while :; do n=0; while [ $n -lt 5 ]; do read now rest </proc/uptime; "
    '[ "$now" = "$last" ] || { last=$now; n=$((n+1)); }; done; usleep 80000; done'
)
_READ = (
    "while :; do dd if=/dev/vda of=/dev/null bs=4096 count=4 iflag=direct 2>/dev/null; usleep 200000; done"
)


NOT_JUDGED = {
    "paused": "not judged: paused",
    "agent-killed": "not judged: guest agent closed from inside",
    "no-channel": "it has no guest-agent channel",
    "another-socket": "does not match qemu_guest_agent_sock_path",
}


@dataclass
class Stage:
    """The instances by role, and the monitor's run over them."""

    instances: dict[str, Instance] = field(default_factory=dict)
    watch: Watch | None = None

    def said(self, role: str) -> list[str]:
        assert self.watch is not None
        return self.watch.said(self.instances[role])

    def rulings(self, role: str) -> list[Ruling]:
        assert self.watch is not None
        return [verdict.ruling for verdict in self.watch.verdicts(self.instances[role])]

    def is_held(self, role: str) -> bool:
        return Ruling.HELD in self.rulings(role)

    def is_healthy(self, role: str) -> bool:
        return self.state(role) == "healthy"

    def words(self, role: str) -> str:
        assert self.watch is not None
        return " | ".join(f"{v.why} [{v.evidence}]" for v in self.watch.verdicts(self.instances[role]))

    def loads_when_reported(self, role: str) -> list[int]:
        """Percent of the time that each virtual processor wanted, by the verdict that reported the guest."""
        assert self.watch is not None
        reported = [v for v in self.watch.verdicts(self.instances[role]) if v.ruling is Ruling.REPORTED]
        assert reported, self.words(role)
        found = re.search(
            r"virtual processors at ((?:\d+%(?:, )?)+)", f"{reported[0].why} {reported[0].evidence}"
        )
        assert found is not None, self.words(role)
        return [int(load) for load in re.findall(r"\d+", found[1])]

    def detail(self, role: str) -> str:
        assert self.watch is not None and self.watch.status is not None
        subject = f"vm:{self.instances[role].uuid}"
        return next((row.detail for row in self.watch.status.subjects() if row.subject == subject), "")

    def state(self, role: str) -> str:
        assert self.watch is not None
        return self.watch.states().get(f"vm:{self.instances[role].uuid}", "gone")


@pytest.fixture(scope="module")
def played(realm: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything has happened, and every instance that is to be reported or held was."""
    stage = Stage()

    def boot(role: str) -> tuple[str, Instance]:
        options = dict(GUESTS[role])
        if options.pop("disk", False):
            disk = realm.layout / "var/lib/libvirt/writing.raw"
            disk.write_bytes(bytes(1 << 20))
            options["disk"] = file_disk("/var/lib/libvirt/writing.raw", "report")
        return role, realm.boot(f"instance-{role}", **options)

    with ThreadPoolExecutor(4) as pool:
        stage.instances = dict(pool.map(boot, GUESTS))
    # Nothing in its guest opens the channel, as where no agent is installed.
    stage.instances["never-had-an-agent"] = realm.bare("instance-agentless", agent="only")
    stage.instances["no-channel"] = realm.paused("instance-channelless")
    stage.instances["another-socket"] = realm.paused("stranger", agent="only")
    try:
        with pinging(realm, tmp_path_factory.mktemp("introspective"), **FAST) as watch:
            stage.watch = watch
            for role in GUESTS:
                watch.knows(stage.instances[role], "healthy")
            _play(stage)
            for role in ("hung", "hung-second-channel", "panicked", "agent-stopped-idle"):
                until(partial(stage.said, role), f"the report of {role}", LONG)
            for role in ("agent-stopped-writing", "agent-stopped-working"):
                until(partial(stage.is_held, role), f"{role} to be held", LONG)
            for role in ("rebooted", "saved"):
                until(partial(stage.is_healthy, role), f"{role} to be healthy again", LONG)
            until(lambda: stage.state("powered-off") == "gone", "the end of powered-off to be seen", LONG)
            for role, words in NOT_JUDGED.items():
                until(lambda: words in stage.detail(role), f"{role} not to be judged", LONG)  # noqa: B023
            yield stage
    finally:
        for instance in stage.instances.values():
            instance.remove()


def _play(stage: Stage) -> None:
    instances = stage.instances
    instances["agent-stopped-writing"].guest_do(_READ)
    instances["agent-stopped-working"].guest_do(_WORK)
    for role in ("agent-stopped-writing", "agent-stopped-working", "agent-stopped-idle"):
        instances[role].hang_agent()
    instances["agent-killed"].kill_agent(for_good=True)
    instances["paused"].domain.suspend()
    instances["rebooted"].guest_reboot()
    instances["powered-off"].guest_poweroff()
    instances["saved"].domain.managedSave(0)
    instances["saved"].start()
    instances["panicked"].panic()
    instances["hung"].hang()
    instances["hung-second-channel"].hang()


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
    """What its virtual processors wanted when it was reported: all of the time, so nothing that proves life.

    Two clocks are compared (QEMU's of each processor, the monitor's), so a little more than all may be seen.
    """
    loads = played.loads_when_reported("panicked")
    assert loads and all(load >= SPINNING * 100 for load in loads)


def test_the_last_look_leaves_a_stopped_qemus_state_lock_alone(played: Stage) -> None:
    """An ordinary call that needs the lock is answered; had the monitor asked QEMU, it would time out."""
    assert played.instances["hung"].domain.jobInfo()[0] == 0


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


@pytest.mark.parametrize("role", NOT_JUDGED)
def test_what_is_not_judged_says_why(played: Stage, role: str) -> None:
    assert NOT_JUDGED[role] in played.detail(role)
    assert played.said(role) == []


def test_an_instance_that_was_powered_off_is_no_longer_watched(played: Stage) -> None:
    assert played.state("powered-off") == "gone"


def test_a_guest_that_answers_again_is_seen_healthy(played: Stage) -> None:
    """Last: it changes the stage."""
    played.instances["hung"].unhang()
    until(lambda: played.state("hung") == "healthy", "the woken guest to be seen healthy", LONG)
    played.instances["paused"].domain.resume()
    until(lambda: played.state("paused") == "healthy", "the resumed guest to be judged again", LONG)
    assert played.said("hung") == [REPORT] and played.said("paused") == []
