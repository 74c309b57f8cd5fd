"""The proof of death on Pacemaker: fencing first, then the management controller, and who is never asked."""

import asyncio
from xml.etree.ElementTree import Element

from masakarimonitors.hostmonitor.observation import CheckPower, LedgerEntry, Power, PowerSeen, WriteLedger
from masakarimonitors.hostmonitor.sources.pacemaker_acts import Acts
from masakarimonitors.hostmonitor.sources.pacemaker_commands import CannotLook
from masakarimonitors.hostmonitor.sources.pacemaker_insight import Insight
from masakarimonitors.hostmonitor.sources.pacemaker_judgement import Condition, Finding
from tests.fixtures.fake_clock import FakeClock

QUESTION = CheckPower("n2", 1)
SUSPECT = {"n2": Finding(Condition.SUSPECT, "unclean, not fenced yet")}
DOWN = {"n2": Finding(Condition.DOWN, "fenced by n3")}


class Bmc:
    """A prover that knows nothing but where the devices were read."""

    def __init__(self, clock: FakeClock, power: Power) -> None:
        self.clock = clock
        self.power = power
        self.learned = 0
        self.asked: list[CheckPower] = []

    def learn(self, resources: Element) -> None:
        self.learned += 1

    async def prove(self, question: CheckPower) -> PowerSeen:
        self.asked.append(question)
        return PowerSeen(question.host, self.power, "the BMC's word", self.clock.now(), answers=question)


async def resources() -> Element:
    return Element("resources")


async def no_resources() -> Element:
    raise CannotLook("cibadmin gave no answer")


class Scene:
    def __init__(
        self, *, bmc: Power | None = None, stonith_wait: float = 30.0, readable: bool = True
    ) -> None:
        self.clock = FakeClock()
        self.insight = Insight()
        self.bmc = Bmc(self.clock, bmc) if bmc is not None else None
        self.published: list[object] = []
        self.acts = Acts(
            self.clock,
            self.insight,
            stonith_wait=stonith_wait,
            prover=self.bmc,
            publish=self.published.append,
            resources=resources if readable else no_resources,
        )

    async def look(self, findings: dict[str, Finding], *, stonith: bool = True) -> None:
        await self.insight.looked(findings, {}, stonith, self.clock.now().monotonic)

    async def ask(self) -> tuple[Power, str]:
        seen = await asyncio.wait_for(self.acts.perform(QUESTION), 30)
        assert isinstance(seen, PowerSeen) and seen.answers == QUESTION
        return seen.power, seen.evidence


async def test_a_fenced_host_is_off_and_no_bmc_is_asked() -> None:
    scene = Scene(bmc=Power.ON)
    await scene.look(DOWN)
    assert await scene.ask() == (Power.OFF, "fenced by n3")
    assert scene.bmc is not None and not scene.bmc.asked


async def test_fencing_is_waited_for_and_its_success_answers() -> None:
    scene = Scene(bmc=Power.ON)
    await scene.look(SUSPECT)
    question = asyncio.get_running_loop().create_task(scene.ask())
    await scene.look(SUSPECT)
    assert not question.done()
    await scene.look(DOWN)
    assert await question == (Power.OFF, "fenced by n3")


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


async def test_a_blind_monitor_does_not_vouch_for_an_old_fencing() -> None:
    scene = Scene(bmc=Power.NO_PROOF)
    await scene.look(DOWN)
    await scene.insight.blinded("no quorum")
    assert (await scene.ask())[0] is Power.NO_PROOF


async def test_disable_ipmi_check_still_waits_for_pacemakers_own_fencing() -> None:
    scene = Scene(stonith_wait=0)
    await scene.look(SUSPECT)
    power, evidence = await scene.ask()
    assert power is Power.NO_PROOF and "disable_ipmi_check" in evidence


async def test_disable_ipmi_check_without_fencing_takes_a_lost_host_as_off() -> None:
    scene = Scene()
    await scene.look(SUSPECT, stonith=False)
    power, evidence = await scene.ask()
    assert power is Power.OFF and "unchecked" in evidence


async def test_the_ledger_goes_to_the_office() -> None:
    scene = Scene()
    entries: dict[str, LedgerEntry] = {}
    assert await scene.acts.perform(WriteLedger(entries)) is None
    assert scene.published == [entries]
