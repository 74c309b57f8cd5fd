"""The proof of death on Pacemaker: fencing first, then the BMC, and who is never asked."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import CheckPower, Power, PowerSeen, ProofKind, WriteLedger
from masakarimonitors.hostmonitor.drivers.pacemaker.context import DriverContext
from masakarimonitors.hostmonitor.drivers.pacemaker.effects import Effects
from masakarimonitors.hostmonitor.drivers.pacemaker.fencing.fencing_devices import FencingDevices
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import Finding
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition
from masakarimonitors.hostmonitor.drivers.pacemaker.tools.commands import CannotLook
from masakarimonitors.hostmonitor.power.bmc import Address
from tests.fixtures.cancelling import cancel_in_every_turn
from tests.fixtures.fake_clock import FakeClock

REQUEST = CheckPower("n2", 1)
SUSPECT = {"n2": Finding(Condition.SUSPECT, "unclean, not fenced yet", passing=True)}
DOWN = {"n2": Finding(Condition.DOWN, "fenced by n3")}


class Bmc:
    """A prover that knows nothing but where the devices were read."""

    def __init__(self, clock: FakeClock, power: Power) -> None:
        self.clock = clock
        self.power = power
        self.learned = 0
        self.asked: list[CheckPower] = []

    def learn(self, addresses: Mapping[str, Sequence[Address]]) -> None:
        self.learned += 1

    async def prove(self, request: CheckPower) -> PowerSeen:
        self.asked.append(request)
        return PowerSeen(
            host=request.host,
            power=self.power,
            evidence="the BMC's word",
            at=self.clock.now(),
            in_reply_to=request,
        )


async def devices() -> FencingDevices:
    return FencingDevices({}, ("pdu (fence_apc): this agent has no BMC",))


async def no_devices() -> FencingDevices:
    raise CannotLook("cibadmin gave no answer")


class Scene:
    def __init__(
        self, *, bmc: Power | None = None, stonith_wait: float = 30.0, readable: bool = True
    ) -> None:
        self.clock = FakeClock()
        self.context = DriverContext()
        self.bmc = Bmc(self.clock, bmc) if bmc is not None else None
        self.published: list[object] = []
        self.effects = Effects(
            self.clock,
            self.context,
            stonith_wait=stonith_wait,
            prover=self.bmc,
            publish=self.published.append,
            fencing_devices=devices if readable else no_devices,
        )

    async def look(self, findings: dict[str, Finding], *, stonith: bool = True) -> None:
        await self.context.looked(findings, {}, stonith, self.clock.now().monotonic)

    async def answer(self) -> PowerSeen:
        async with asyncio.timeout(30):
            seen = await self.effects.perform(REQUEST)
        assert isinstance(seen, PowerSeen) and seen.in_reply_to == REQUEST
        return seen

    async def ask(self) -> tuple[Power, str]:
        seen = await self.answer()
        return seen.power, seen.evidence


async def test_a_fenced_host_is_off_and_no_bmc_is_asked() -> None:
    scene = Scene(bmc=Power.ON)
    await scene.look(DOWN)
    assert await scene.ask() == (Power.OFF, "fenced by n3")
    assert scene.bmc is not None and not scene.bmc.asked


@pytest.mark.parametrize(
    ("says", "switched_off", "told"),
    [
        (Power.OFF, False, Power.OFF),
        (Power.ON, True, Power.ON),  # somebody has switched it on since
        (Power.ON, False, Power.OFF),  # it was reset: its power was never off
        (Power.NO_PROOF, True, Power.OFF),
    ],
)
async def test_a_fencing_that_grows_old_is_renewed_by_the_bmc(
    says: Power, switched_off: bool, told: Power
) -> None:
    """While masakari is away: the same old fencing again would be no proof for long."""
    scene = Scene(bmc=says)
    fenced = Finding(Condition.DOWN, "fenced by n3", fenced_at=scene.clock.now(), switched_off=switched_off)
    await scene.look({"n2": fenced})
    await scene.clock.advance(59)
    assert (await scene.answer()).kind is ProofKind.FENCED and scene.bmc is not None and not scene.bmc.asked
    await scene.clock.advance(1)
    seen = await scene.answer()
    assert seen.power is told and len(scene.bmc.asked) == 1
    assert (seen.kind is ProofKind.FENCED) is (seen.evidence == "fenced by n3")


@pytest.mark.parametrize(
    ("says", "switched_off", "told", "kind"),
    [
        (None, True, Power.OFF, ProofKind.UNCHECKED),
        (Power.NO_PROOF, True, Power.OFF, ProofKind.UNCHECKED),
        (None, False, Power.NO_PROOF, None),  # it was restarted, and may run
        (Power.NO_PROOF, False, Power.NO_PROOF, None),
        (Power.ON, False, Power.ON, None),
    ],
)
async def test_a_fencing_that_is_too_old_is_what_nobody_has_checked_since(
    says: Power | None, switched_off: bool, told: Power, kind: ProofKind | None
) -> None:
    """A silence has held the report for long: the same old fencing again would hold it for ever."""
    scene = Scene(bmc=says)
    fenced = Finding(Condition.DOWN, "fenced by n3", fenced_at=scene.clock.now(), switched_off=switched_off)
    await scene.look({"n2": fenced})
    await scene.clock.advance(239)
    assert (await scene.answer()).kind is ProofKind.FENCED
    await scene.clock.advance(1)
    seen = await scene.answer()
    assert (seen.power, seen.kind) == (told, kind)


async def test_a_fencing_grows_old_while_this_computer_stands_still() -> None:
    scene = Scene(bmc=Power.ON)
    fenced = Finding(Condition.DOWN, "fenced by n3", fenced_at=scene.clock.now(), switched_off=True)
    await scene.look({"n2": fenced})
    scene.clock.set_on(60.0)
    assert (await scene.answer()).power is Power.ON


async def test_fencing_is_waited_for_and_its_success_answers() -> None:
    scene = Scene(bmc=Power.ON)
    await scene.look(SUSPECT)
    answer = asyncio.get_running_loop().create_task(scene.ask())
    await scene.look(SUSPECT)
    assert not answer.done()
    await scene.look(DOWN)
    assert await answer == (Power.OFF, "fenced by n3")


async def test_who_is_stopped_in_the_moment_of_the_fencing_stops() -> None:
    scene = Scene(bmc=Power.ON)

    async def begin() -> asyncio.Task[tuple[Power, str]]:
        await scene.look(SUSPECT)
        answer = asyncio.get_running_loop().create_task(scene.ask())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not answer.done()
        await scene.look(DOWN)
        return answer

    await cancel_in_every_turn(begin)


async def test_after_stonith_wait_the_bmc_is_asked() -> None:
    scene = Scene(bmc=Power.ON)
    await scene.look(SUSPECT)
    await scene.clock.advance(31)
    await scene.look(SUSPECT)
    assert (await scene.ask())[0] is Power.ON
    assert scene.bmc is not None and scene.bmc.learned == 1


async def test_without_fencing_the_bmc_is_asked_at_once_though_the_cib_cannot_be_read() -> None:
    scene = Scene(bmc=Power.OFF, readable=False)
    await scene.look(SUSPECT, stonith=False)
    assert (await scene.ask())[0] is Power.OFF


async def test_a_remark_is_logged_once_until_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(bmc=Power.ON, stonith_wait=0)
    await scene.look(SUSPECT)
    for _ in range(3):
        await scene.ask()
    (record,) = caplog.records
    assert "pdu (fence_apc)" in record.getMessage()


async def test_a_blind_monitor_vouches_for_nothing() -> None:
    for bmc in (None, Power.OFF):
        scene = Scene(bmc=bmc)
        await scene.look(DOWN, stonith=False)
        await scene.context.blinded("no quorum")
        power, evidence = await scene.ask()
        assert power is Power.NO_PROOF and "no quorum" in evidence


@pytest.mark.parametrize("condition", [Condition.UP, Condition.AGENT_STOPPED, Condition.UNSURE])
@pytest.mark.parametrize("bmc", [None, Power.OFF])
async def test_whom_the_newest_look_does_not_miss_is_never_called_off(
    condition: Condition, bmc: Power | None
) -> None:
    """The core holds on to a loss that it was told of; meanwhile the host may have been found again."""
    scene = Scene(bmc=bmc)
    await scene.look({"n2": Finding(condition, "as it is")}, stonith=False)
    power, evidence = await scene.ask()
    assert power is Power.NO_PROOF and "as it is" in evidence


async def test_a_host_that_pacemaker_does_not_name_is_off_only_by_its_bmc() -> None:
    for bmc, power in ((None, Power.NO_PROOF), (Power.OFF, Power.OFF)):
        scene = Scene(bmc=bmc)
        await scene.look({}, stonith=False)
        assert (await scene.ask())[0] is power


async def test_a_fencing_is_proof_of_its_own_kind_and_time() -> None:
    scene = Scene()
    at = scene.clock.now()
    await scene.clock.advance(100)
    await scene.look({"n2": Finding(Condition.DOWN, "fenced by n3", fenced_at=at)})
    seen = await scene.answer()
    assert (seen.kind, seen.at) == (ProofKind.FENCED, at)


async def test_a_host_switched_off_too_long_ago_is_asked_about_and_else_assumed_to_be_off() -> None:
    stale = {"n2": Finding(Condition.SUSPECT, "away, and its fencing is old", switched_off=True)}
    for bmc, kind in ((Power.NO_PROOF, ProofKind.UNCHECKED), (None, ProofKind.UNCHECKED)):
        scene = Scene(bmc=bmc)
        await scene.look(stale)
        seen = await scene.answer()
        assert (seen.power, seen.kind) == (Power.OFF, kind) and "unchecked" in seen.evidence
    scene = Scene(bmc=Power.ON)
    await scene.look(stale)
    assert (await scene.ask())[0] is Power.ON


async def test_a_reboot_too_long_ago_proves_nothing() -> None:
    scene = Scene(bmc=Power.NO_PROOF)
    await scene.look({"n2": Finding(Condition.SUSPECT, "away, and its fencing by reboot is old")})
    assert (await scene.ask())[0] is Power.NO_PROOF


async def test_disable_ipmi_check_still_waits_for_pacemakers_own_fencing() -> None:
    scene = Scene(stonith_wait=0)
    await scene.look(SUSPECT)
    power, evidence = await scene.ask()
    assert power is Power.NO_PROOF and "disable_ipmi_check" in evidence


async def test_disable_ipmi_check_without_fencing_takes_a_lost_host_as_off() -> None:
    scene = Scene()
    await scene.look(SUSPECT, stonith=False)
    seen = await scene.answer()
    assert (seen.power, seen.kind) == (Power.OFF, ProofKind.UNCHECKED)
    assert "unchecked" in seen.evidence and "proven" not in seen.evidence


async def test_the_ledger_goes_to_the_elector() -> None:
    scene = Scene()
    entries: dict[str, LedgerEntry] = {}
    assert await scene.effects.perform(WriteLedger(entries)) is None
    assert scene.published == [entries]
