"""The prover as a driver uses it: what it learns, what it refuses, and that it always answers."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.hostmonitor.core.observation import CheckPower, Power, PowerSeen, ProofKind
from masakarimonitors.hostmonitor.power.bmc import Address, FromScript, InFile, Lack, Literal, Speaks
from masakarimonitors.hostmonitor.power.prover import PowerConfigFault, PowerPolicy, Prover
from masakarimonitors.system.processes import spawning
from masakarimonitors.system.processes.command import Finished
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.waiting import eventually
from tests.unit.hostmonitor.power.test_redfish import Service, serving


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def listed(tmp_path: Path, *, mode: int = 0o600, secret_mode: int = 0o600) -> Path:
    password = write(tmp_path / "password", "secret", secret_mode)
    text = f"n1: {{driver: ipmi, address: b1, credentials_file: {password}}}"
    return write(tmp_path / "power.yaml", text, mode)


def device(name: str, host: str = "", **changes: Any) -> Address:
    given = {"speaks": Speaks.IPMI, "user": "", "secret": Literal(""), **changes}
    return Address(device=name, host=host or f"bmc-of-{name}", **given)


def test_the_file_replaces_what_the_fencing_devices_say_and_case_does_not_count(tmp_path: Path) -> None:
    prover = Prover(PowerPolicy(config_file=listed(tmp_path)), FakeClock())
    prover.learn({"N1": (device("b2"),), "n3": (device("b3"),)})
    assert [address.host for address in prover.addresses("n1")] == ["b1"]
    assert [address.host for address in prover.addresses("N3")] == ["bmc-of-b3"]
    assert prover.addresses("n2") == ()


async def test_one_bmc_of_two_hosts_is_asked_for_neither_and_this_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prover = Prover(PowerPolicy(config_file=listed(tmp_path)), FakeClock())
    for _ in range(2):
        prover.learn({"n2": (device("d", host="B1"),)})
    for host in ("n1", "N2"):
        assert prover.addresses(host) == ()
        seen = await prover.prove(CheckPower(host, 1))
        assert (seen.power, seen.kind) == (Power.NO_PROOF, None)
        assert "n1 and n2 name the same BMC (ipmi b1:623)" in seen.evidence
        looked = await prover.look(host)
        assert looked is not None and looked.lack is Lack.FAULT
    assert caplog.text.count("n1 and n2 name the same BMC") == 1
    before = prover.places("n1")
    prover.learn({})
    assert prover.places("n1") != before, "it was the other that has changed"
    assert [address.host for address in prover.addresses("n1")] == ["b1"]


def test_bmcs_that_may_be_one_are_warned_of_and_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prover = Prover(PowerPolicy(), FakeClock())
    for _ in range(2):
        prover.learn({"n1": (device("d", host="b1"),), "n2": (replace(device("d", host="b1"), port=6230),)})
    assert prover.addresses("n1") and prover.addresses("n2") and prover.complaints() == []
    (words,) = [record.getMessage() for record in caplog.records]
    assert words.startswith("BMCs that may be one: n1 and n2 ")


def test_passwords_of_pacemaker_s_store_that_cannot_be_read_are_said_when_they_are_learned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prover = Prover(PowerPolicy(), FakeClock())
    assert prover.complaints() == []
    prover.learn({"n1": (device("d", secret=InFile(tmp_path / "none")),)})
    assert f"d: {tmp_path}/none cannot be read: No such file or directory" in caplog.text
    assert prover.complaints() == [f"d: {tmp_path}/none cannot be read: No such file or directory"]


async def test_silence_is_compared_with_bmcs_of_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole management network that is silent here says nothing of any host."""

    async def waits_in_vain(argv: Sequence[str], *, timeout: float, env: Mapping[str, str]) -> Finished:
        return Finished(exit_code=-9, output="", timed_out=True, seconds=timeout)

    monkeypatch.setattr("masakarimonitors.hostmonitor.power.ipmi.run", waits_in_vain)
    clock = FakeClock()
    policy = PowerPolicy(timeout=5.0, unreachable_means_off=True, apart=2.0)
    prover = Prover(policy, clock)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(type=socket.SOCK_DGRAM) as other,
    ):
        for silent in (one, other):
            silent.bind(("127.0.0.1", 0))
        prover.learn(
            {
                f"n{n}": (device(f"d{n}", host="127.0.0.1", port=silent.getsockname()[1]),)
                for n, silent in enumerate((one, other))
            }
        )
        asking = asyncio.get_running_loop().create_task(prover.prove(CheckPower("n0", 1)))
        while not asking.done():
            await clock.advance(1.0)
            await asyncio.sleep(0.01)
    seen = await asking
    assert (seen.power, seen.kind) == (Power.NO_PROOF, None), seen
    assert "no BMC of other hosts (1 asked) answers either" in seen.evidence
    prover.close()


async def test_a_host_whose_bmc_is_not_known_is_not_looked_at() -> None:
    assert await Prover(PowerPolicy(), FakeClock()).look("n1") is None


async def test_the_answer_says_what_it_rests_on_and_since_when() -> None:
    """The second look is the one that counts, and it begins after the pause."""
    clock = FakeClock()
    began = clock.now().monotonic
    prover = Prover(PowerPolicy(apart=20.0, timeout=30.0), clock)
    async with serving(Service(n1="Off")) as service:
        prover.learn({"n1": (device("d", host=service.url, speaks=Speaks.REDFISH),)})
        asking = asyncio.get_running_loop().create_task(prover.prove(CheckPower("n1", 1)))
        await eventually(lambda: "/Systems/n1" in service.asked, "the first look")
        while not asking.done():
            await clock.advance(1.0)
            await asyncio.sleep(0.01)
        seen = await asking
    assert (seen.power, seen.kind) == (Power.OFF, ProofKind.BMC)
    assert seen.at.monotonic >= began + 20.0
    prover.close()


async def proven(prover: Prover, clock: FakeClock, number: int = 1) -> PowerSeen:
    """The answer about n1, however long it takes on the clock."""
    asking = asyncio.get_running_loop().create_task(prover.prove(CheckPower("n1", number)))
    while not asking.done():
        await clock.advance(1.0)
        await asyncio.sleep(0.01)
    return await asking


async def test_a_host_that_begins_to_be_lost_is_looked_at_before_anybody_asks_for_proof() -> None:
    clock = FakeClock()
    prover = Prover(PowerPolicy(apart=20.0, timeout=30.0), clock)
    async with serving(Service(n1="Off")) as service:
        prover.learn({"n1": (device("d", host=service.url, speaks=Speaks.REDFISH),)})
        prover.expect("N1")
        prover.expect("n1")
        prover.expect("unknown")
        await eventually(lambda: "/Systems/n1" in service.asked, "the first look")
        await clock.advance(15.0)
        began = clock.now().monotonic
        seen = await proven(prover, clock)
        assert (seen.power, seen.kind, seen.at.monotonic - began) == (Power.OFF, ProofKind.BMC, 5.0)
        again = clock.now().monotonic
        seen = await proven(prover, clock, 2)
        assert seen.at.monotonic - again >= 20.0, "each look ahead counts once"
    prover.close()


async def test_a_look_ahead_at_what_is_no_more_its_bmc_does_not_count() -> None:
    clock = FakeClock()
    prover = Prover(PowerPolicy(apart=20.0, timeout=30.0), clock)
    async with serving(Service(n1="Off")) as service, serving(Service(n1="On")) as right:
        prover.learn({"n1": (device("d", host=service.url, speaks=Speaks.REDFISH),)})
        prover.expect("n1")
        await eventually(lambda: "/Systems/n1" in service.asked, "the first look")
        prover.learn({"n1": (device("e", host=right.url, speaks=Speaks.REDFISH),)})
        seen = await proven(prover, clock)
        assert seen.power is Power.ON
    prover.close()


async def test_of_very_many_that_begin_to_be_lost_only_some_are_looked_at_ahead() -> None:
    clock = FakeClock()
    names = [f"n{number}" for number in range(40)]
    prover = Prover(PowerPolicy(timeout=30.0), clock)
    async with serving(Service(**dict.fromkeys(names, "Off"))) as service:
        prover.learn(
            {
                name: (
                    device(
                        name, host=service.url, speaks=Speaks.REDFISH, system=f"/redfish/v1/Systems/{name}"
                    ),
                )
                for name in names
            }
        )
        for name in names:
            prover.expect(name)
        await eventually(lambda: len(service.asked) == 16, "the first looks")
        # Those that nobody has asked for make room.
        await clock.advance(60.0)
        prover.expect("n39")
        await eventually(lambda: "/Systems/n39" in service.asked, "one more")
        assert len(service.asked) == 17
    prover.close()


async def on_for_a_day(prover: Prover, clock: FakeClock, host: str = "n1") -> Mapping[str, float]:
    """Its BMCs say on at 25 looks, an hour apart; returns which are wrong after the last of them."""
    for _ in range(24):
        assert prover.note(host, Power.ON), "one on is not enough"
        await clock.advance(3600.0)
    return prover.note(host, Power.ON)


async def test_on_counts_for_no_longer_than_somebody_looks_and_off_begins_the_day_anew() -> None:
    clock = FakeClock()
    prover = Prover(PowerPolicy(), clock)
    prover.learn({"n1": (device("d"),)})
    prover.note("n1", Power.OFF)
    for _ in range(24):
        assert prover.note("n1", Power.ON)
        await clock.advance(7 * 86400.0)
        assert prover.note("n1", Power.NO_PROOF), "what cannot be asked says nothing"
    assert prover.note("n1", Power.OFF)
    assert await on_for_a_day(prover, clock) == {}
    prover.close()


async def test_a_bmc_that_has_said_off_while_its_host_was_up_proves_nothing_until_it_says_on_for_a_day() -> (
    None
):
    clock = FakeClock()
    prover = Prover(PowerPolicy(apart=2.0, timeout=30.0), clock)
    async with serving(Service(n1="Off")) as service:
        prover.learn({"n1": (device("d", host=service.url, speaks=Speaks.REDFISH),)})
        looked = await prover.look("n1")
        assert looked is not None and looked.power is Power.OFF
        prover.note("N1", Power.OFF)
        service.asked.clear()
        prover.expect("n1")
        for said in (None, Power.NO_PROOF):
            if said is not None:
                prover.note("n1", said)
            seen = await proven(prover, clock)
            assert (seen.power, seen.kind) == (Power.NO_PROOF, None)
            assert "d) said off while n1 was up" in seen.evidence
        assert not service.asked, "it is not even asked"
        looked = await prover.look("n1")
        assert looked is not None and looked.power is Power.OFF and looked.known, "the rounds go on asking it"
        prover.note("n1", Power.NO_PROOF)
        assert await on_for_a_day(prover, clock) == {}
        assert (await proven(prover, clock)).power is Power.OFF
    prover.close()


async def test_a_bmc_that_takes_the_place_of_a_wrong_one_is_asked() -> None:
    clock = FakeClock()
    prover = Prover(PowerPolicy(apart=2.0, timeout=30.0), clock)
    async with serving(Service(n1="Off")) as wrong, serving(Service(n1="Off")) as right:
        prover.learn({"n1": (device("d", host=wrong.url, speaks=Speaks.REDFISH),)})
        prover.note("n1", Power.OFF)
        prover.learn({"n1": (device("e", host=right.url, speaks=Speaks.REDFISH),)})
        assert (await proven(prover, clock)).power is Power.OFF
    assert right.asked and not wrong.asked
    prover.close()


async def test_a_wrong_bmc_stays_wrong_with_a_new_password_and_by_another_way() -> None:
    prover = Prover(PowerPolicy(timeout=0.1), FakeClock())
    wrong = device("d", host="127.0.0.1", speaks=Speaks.REDFISH, port=1)
    prover.learn({"n1": (wrong,)})
    assert prover.note("n1", Power.OFF) == {"https 127.0.0.1:1": 0.0}
    for other in (
        replace(wrong, secret=Literal("new"), device="e"),
        replace(wrong, host="https://127.0.0.1:1/"),
        replace(wrong, speaks=Speaks.IPMI, port=0),
    ):
        prover.learn({"n1": (other,)})
        assert "said off while n1 was up" in (await prover.prove(CheckPower("n1", 1))).evidence
    prover.close()


def redfish(name: str, service: Service) -> Address:
    return device(name, host=service.url, speaks=Speaks.REDFISH)


async def seen_up(prover: Prover, host: str = "n1") -> tuple[Power, bool, Mapping[str, float]]:
    """What one look at a host that is up says, whether that was known, and which are wrong then."""
    looked = await prover.look(host)
    assert looked is not None
    return looked.power, looked.known, prover.note(host, looked.power)


async def test_what_a_bmc_says_while_it_is_replaced_is_no_proof() -> None:
    clock = FakeClock()
    prover = Prover(PowerPolicy(apart=20.0, timeout=30.0), clock)
    async with serving(Service(n1="Off")) as wrong, serving(Service(n1="Off")) as right:
        prover.learn({"n1": (redfish("d", wrong),)})
        asking = asyncio.get_running_loop().create_task(proven(prover, clock))
        await eventually(lambda: "/Systems/n1" in wrong.asked, "the first look")
        prover.learn({"n1": (redfish("e", right),)})
        seen = await asking
        assert (seen.power, seen.kind) == (Power.NO_PROOF, None)
        assert seen.evidence.endswith("; but its BMCs were named otherwise meanwhile")
        assert (await proven(prover, clock, 2)).power is Power.OFF
    prover.close()


async def test_of_several_bmcs_each_is_judged_by_itself_and_the_right_ones_are_asked() -> None:
    """A fencing may go through the one that is another host's."""
    clock = FakeClock()
    prover = Prover(PowerPolicy(apart=2.0, timeout=30.0), clock)
    async with serving(Service(n1="Off")) as wrong, serving(Service(n1="On")) as right:
        devices = {"n1": (redfish("d", wrong), redfish("e", right))}
        prover.learn(devices)
        said, known, ones = await seen_up(prover)
        assert (said, known, len(ones)) == (Power.OFF, False, 1)
        assert "(d) said off while n1 was up" in prover.doubts_fencing("n1", devices)
        assert (await seen_up(prover))[:2] == (Power.OFF, True)
        wrong.asked.clear()
        right.systems["n1"] = "Off"
        assert (await proven(prover, clock)).power is Power.OFF
        assert not wrong.asked
        said, known, ones = await seen_up(prover)
        assert (said, known, len(ones)) == (Power.OFF, False, 2), "one that was right is news"
        assert (await proven(prover, clock, 2)).power is Power.NO_PROOF
    prover.close()


async def test_the_fencing_device_that_the_file_has_replaced_is_looked_at_until_it_is_right(
    tmp_path: Path,
) -> None:
    """Pacemaker goes through it, whatever the file says; nobody else would ever see that it was mended."""
    password = write(tmp_path / "password", "secret")
    async with serving(Service(n1="Off")) as wrong, serving(Service(n1="On")) as right:
        text = f"n1: {{driver: redfish, address: '{right.url}', username: u, credentials_file: {password}}}"
        policy, clock = (
            PowerPolicy(config_file=write(tmp_path / "power.yaml", text), timeout=30.0),
            FakeClock(),
        )
        prover = Prover(policy, clock)
        devices = {"n1": (redfish("d", wrong),)}
        prover.learn(devices)
        said, known, ones = await seen_up(prover)
        assert (said, known, len(ones)) == (Power.OFF, False, 1)
        assert "said off" in prover.doubts_fencing("n1", devices)
        wrong.systems["n1"] = "On"
        for _ in range(24):
            said, known, still = await seen_up(prover)
            assert (said, known, still.keys()) == (Power.ON, False, ones.keys())
            await clock.advance(3600.0)
        assert await seen_up(prover) == (Power.ON, False, {})
        assert "said off" not in prover.doubts_fencing("n1", devices)
    prover.close()


async def test_a_fencing_device_that_cannot_be_asked_is_no_alarm_where_the_file_names_another_bmc(
    tmp_path: Path,
) -> None:
    password = write(tmp_path / "password", "secret")
    async with serving(Service(n1="On")) as right:
        text = f"n1: {{driver: redfish, address: '{right.url}', username: u, credentials_file: {password}}}"
        policy = PowerPolicy(config_file=write(tmp_path / "power.yaml", text), timeout=30.0)
        prover = Prover(policy, FakeClock())
        prover.learn({"n1": (device("d", host="no.such.host.invalid", secret=InFile(tmp_path / "none")),)})
        assert await seen_up(prover) == (Power.ON, False, {})
    prover.close()


async def test_a_wrong_bmc_that_nobody_names_any_more_is_forgotten_once_its_successor_says_on() -> None:
    prover = Prover(PowerPolicy(timeout=30.0), FakeClock())
    async with serving(Service(n1="Off")) as wrong, serving(Service(n1="Off")) as right:
        prover.learn({"n1": (redfish("d", wrong),)})
        assert len((await seen_up(prover))[2]) == 1
        prover.learn({"n1": (redfish("e", right),)})
        right.systems["n1"] = "PoweringOn"
        assert len((await seen_up(prover))[2]) == 1, "nothing is known of the new one"
        right.systems["n1"] = "On"
        assert await seen_up(prover) == (Power.ON, False, {})
        # Comes it back, it is looked at as any new one.
        before = prover.places("n1")
        prover.learn({"n1": (redfish("d", wrong),)})
        assert prover.places("N1") != before
        assert (await seen_up(prover))[:2] == (Power.OFF, False)
    prover.close()


async def test_what_is_noted_is_about_those_that_were_looked_at() -> None:
    """The mapping was corrected between the look and its word: nothing was seen of the new one."""
    clock = FakeClock()
    prover = Prover(PowerPolicy(apart=2.0, timeout=30.0), clock)
    async with serving(Service(n1="Off")) as wrong, serving(Service(n1="Off")) as right:
        prover.learn({"n1": (device("d", host=wrong.url, speaks=Speaks.REDFISH),)})
        await prover.look("n1")
        prover.learn({"n1": (device("e", host=right.url, speaks=Speaks.REDFISH),)})
        prover.note("n1", Power.OFF)
        assert (await proven(prover, clock)).power is Power.OFF
    prover.close()


async def test_what_was_wrong_before_a_restart_is_wrong_until_it_says_on_for_a_day(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    async with serving(Service(n1="Off")) as service:
        where = {"n1": (device("d", host=service.url, speaks=Speaks.REDFISH),)}
        before = Prover(PowerPolicy(apart=2.0, timeout=30.0), clock)
        before.learn(where)
        kept = before.note("N1", Power.OFF)
        prover = Prover(PowerPolicy(apart=2.0, timeout=30.0), clock)
        prover.recall({"N1": kept})
        prover.learn(where)
        assert "said off while N1 was up, before this monitor was restarted" in caplog.text
        seen = await proven(prover, clock)
        assert (seen.power, seen.kind) == (Power.NO_PROOF, None) and not service.asked
        assert await on_for_a_day(prover, clock) == {}
        assert (await proven(prover, clock)).power is Power.OFF
    before.close()
    prover.close()


def test_a_fencing_through_a_wrong_bmc_or_one_of_two_hosts_is_doubted(tmp_path: Path) -> None:
    prover = Prover(PowerPolicy(config_file=listed(tmp_path)), FakeClock())
    devices = {"N2": (device("d2"),), "n3": (device("d3", host="B1"),)}
    assert prover.doubts_fencing("n2", devices) == ""
    # The power_config_file has b1 for n1.
    assert "n1 and n3 name the same BMC (ipmi b1:623)" in prover.doubts_fencing("n3", devices)
    assert prover.doubts_fencing("n1", devices) == "", "no device of it goes through that BMC"
    prover.learn(devices)
    prover.note("n2", Power.OFF)
    words = prover.doubts_fencing("N2", devices)
    assert words.startswith("the BMC of its fencing device (d2) said off while N2 was up")
    assert prover.doubts_fencing("n2", {"n2": (device("d9"),)}) == "", "another has taken its place"


def corrected(tmp_path: Path, **hosts: str) -> Prover:
    """With a power_config_file that has these addresses."""
    password = write(tmp_path / "password", "secret")
    lines = (
        f"{host}: {{driver: ipmi, address: {place}, credentials_file: {password}}}"
        for host, place in hosts.items()
    )
    path = write(tmp_path / "power.yaml", "\n".join(lines))
    return Prover(PowerPolicy(config_file=path), FakeClock())


def test_a_neighbour_s_wrong_fencing_device_that_the_file_corrects_casts_no_doubt_on_a_right_one(
    tmp_path: Path,
) -> None:
    prover = corrected(tmp_path, n2="10.0.0.2")
    devices = {"n1": (device("d1", host="10.0.0.1"),), "N2": (device("d2", host="10.0.0.1"),)}
    assert prover.doubts_fencing("n1", devices) == ""
    assert "n1 and n2 name the same BMC" in prover.doubts_fencing("n2", devices), "its own is wrong still"


@pytest.mark.parametrize(
    ("by_device", "by_file", "doubted"),
    [
        ("10.0.0.1", "10.0.0.2", True),
        ("bmc-1.example", "bmc-2.example", True),
        ("10.0.0.1", "10.0.0.1", False),
        # These may be one.
        ("10.0.0.1", "bmc-1", False),
        ("10.0.0.1", "fd00::1", False),
        ("bmc-1", "bmc-1.example", False),
    ],
)
def test_a_fencing_through_a_device_that_the_file_contradicts_is_doubted(
    tmp_path: Path, by_device: str, by_file: str, doubted: bool
) -> None:
    """Pacemaker goes through its own device, whatever the file has corrected for this monitor."""
    prover = corrected(tmp_path, n1=f'"{by_file}"')
    words = prover.doubts_fencing("N1", {"n1": (device("d1", host=by_device),)})
    assert bool(words) is doubted
    if doubted:
        assert words.startswith(
            f"its fencing device (d1) goes through ipmi {by_device}:623, and the power_config_file says that the "
            f"BMC of N1 is ipmi {by_file}:623"
        )
    assert prover.doubts_fencing("n1", {}) == "", "none of its devices goes through a BMC"
    several = {"n2": (device("d2"), device("d3"))}
    assert prover.doubts_fencing("n2", several) == "", "nothing is said of it but by its devices"


def test_the_options_become_the_policy() -> None:
    class Options:
        ipmi_timeout = 7.0
        ipmi_cipher_suite = "17"
        power_config_file: str | None = "/x"
        power_unreachable_means_off = True
        power_second_look = 12.0

    assert PowerPolicy.of(Options()) == PowerPolicy(
        timeout=7.0, cipher_suite="17", config_file=Path("/x"), unreachable_means_off=True, apart=12.0
    )


@pytest.mark.parametrize(("mode", "secret_mode"), [(0o644, 0o600), (0o600, 0o604)])
def test_files_that_everyone_may_read_are_refused_at_start(
    tmp_path: Path, mode: int, secret_mode: int
) -> None:
    path = listed(tmp_path, mode=mode, secret_mode=secret_mode)
    with pytest.raises(PowerConfigFault, match=r"everyone may read .*chmod o-rwx"):
        Prover(PowerPolicy(config_file=path), FakeClock())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PowerConfigFault, match=r"power\.yaml cannot be read"):
        Prover(PowerPolicy(config_file=tmp_path / "power.yaml"), FakeClock())


async def test_a_host_without_bmc_is_answered_with_no_proof() -> None:
    request = CheckPower("n1", 1)
    seen = await Prover(PowerPolicy(), FakeClock()).prove(request)
    assert (seen.host, seen.power, seen.in_reply_to) == ("n1", Power.NO_PROOF, request)
    assert seen.evidence == "no BMC is known for n1"


@pytest.mark.parametrize(
    ("bmc", "needed"),
    [
        (device("d"), True),
        (device("d", speaks=Speaks.REDFISH), False),
        (device("d", speaks=Speaks.REDFISH, secret=FromScript(Path("/bin/secret"))), True),
    ],
)
def test_what_starts_programs_is_loaded_when_a_bmc_is_learned_that_needs_one(
    monkeypatch: pytest.MonkeyPatch, bmc: Address, needed: bool
) -> None:
    """Not at the death of its host, which may be that of the disk with our modules."""
    loaded = list[bool]()
    monkeypatch.setattr(spawning, "get_ready", lambda: loaded.append(True))
    prover = Prover(PowerPolicy(), FakeClock())
    prover.learn({"n1": (bmc,)})
    assert loaded == [True] * needed


def test_what_starts_programs_is_loaded_with_the_file_that_names_such_a_bmc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded = list[bool]()
    monkeypatch.setattr(spawning, "get_ready", lambda: loaded.append(True))
    Prover(PowerPolicy(config_file=listed(tmp_path)), FakeClock())
    assert loaded == [True]
