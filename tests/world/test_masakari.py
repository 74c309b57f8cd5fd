"""The masakari of the made-up cloud has the rules of the real one."""

import asyncio
import datetime
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.fixtures import fake_loop
from tests.fixtures.fake_clock import EPOCH
from tests.fixtures.fake_loop import FakeLoop
from tests.world.masakari import SEGMENT, Masakari, Unanswered


def report(host: str = "a", at: float = 0.0, status: str = "NORMAL", kind: str = "COMPUTE_HOST") -> str:
    stamp = (EPOCH + datetime.timedelta(seconds=at)).replace(tzinfo=None).isoformat()
    payload = {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": status}
    if kind == "PROCESS":
        payload = {"event": "STOPPED", "process_name": "libvirtd"}
    told = {"type": kind, "hostname": host, "generated_time": stamp, "payload": payload}
    return json.dumps({"notification": told})


def ask(talk: Callable[[Masakari], Awaitable[None]], hosts: int = 3) -> Masakari:
    async def main(loop: FakeLoop) -> Masakari:
        masakari = Masakari(loop, random.Random(1), list("abcdefghi"[:hosts]))
        masakari.pause = (0.0, 0.0)
        await talk(masakari)
        return masakari

    return fake_loop.run(main)


async def statuses(masakari: Masakari, *bodies: str) -> list[int]:
    return [(await masakari.post(body, "m"))[0] for body in bodies]


@pytest.mark.parametrize(
    ("second", "status"),
    [
        (report(at=0.0), 409),
        (report(at=180.0), 409),
        (report(at=180.5), 202),
        (report(at=-3600.0), 409),
        (report(at=1.0, status="UNKNOWN"), 202),
        (report("b", at=1.0), 202),
        (report("nobody", at=1.0), 400),
    ],
)
def test_a_duplicate_is_an_equal_payload_that_is_not_older_than_the_window(second: str, status: int) -> None:
    async def talk(masakari: Masakari) -> None:
        masakari.engine = False
        assert await statuses(masakari, report(at=0.0), second) == [202, status]

    ask(talk)


@pytest.mark.parametrize("first", [report(), report(kind="PROCESS")])
def test_a_recovery_puts_the_host_on_maintenance_and_then_everything_is_refused(first: str) -> None:
    async def talk(masakari: Masakari) -> None:
        assert await statuses(masakari, first) == [202]
        await asyncio.sleep(1.0)
        status, text = await masakari.post(report(at=900.0, status="UNKNOWN"), "m")
        assert status == 409 and "under maintenance" in text
        masakari.maintain("a", on=False)
        assert await statuses(masakari, report(at=900.0)) == [202]

    ask(talk)


def test_nothing_is_recovered_on_unknown_or_in_a_disabled_segment() -> None:
    async def talk(masakari: Masakari) -> None:
        await statuses(masakari, report(status="UNKNOWN"))
        masakari.enabled = False
        await statuses(masakari, report("b"))
        await asyncio.sleep(5.0)
        assert not any(host.on_maintenance for host in masakari.hosts.values())

    ask(talk)


@pytest.mark.parametrize(("workers", "accepted"), [(1, 1), (4, 2)])
def test_several_workers_accept_twins(workers: int, accepted: int) -> None:
    async def talk(masakari: Masakari) -> None:
        masakari.workers = workers
        masakari.pause = (0.0, 0.01)
        await asyncio.gather(masakari.post(report(), "m"), masakari.post(report(at=0.02), "n"))

    assert len(ask(talk).accepted) == accepted


def test_what_arrives_is_carried_out_also_when_its_answer_is_lost() -> None:
    async def talk(masakari: Masakari) -> None:
        masakari.loses_answers()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30.0):
                await masakari.post(report(), "m")
        masakari.up()
        masakari.down()
        with pytest.raises(Unanswered) as fault:
            await masakari.post(report("b"), "m")
        assert not fault.value.arrived

    assert [offer.host for offer in ask(talk).accepted] == ["a"]


def test_a_status_may_be_all_that_one_sender_gets() -> None:
    async def talk(masakari: Masakari) -> None:
        masakari.answers(401, "m")
        assert (await masakari.post(report(), "m"))[0] == 401
        assert (await masakari.get("/segments", "m"))[0] == 401
        assert (await masakari.post(report(), "n"))[0] == 202
        masakari.answers_again("m")
        assert (await masakari.get("/segments", "m"))[0] == 200

    ask(talk)


def test_lists_are_read_page_by_page_with_numbers_as_markers() -> None:
    async def talk(masakari: Masakari) -> None:
        masakari.page = 2
        _, segments = await masakari.get("/segments", "m")
        path = f"/segments/{segments['segments'][0]['uuid']}/hosts"
        names: list[str] = []
        marker = ""
        while page := (await masakari.get(path + marker, "m"))[1]["hosts"]:
            names += [host["name"] for host in page]
            marker = f"?marker={page[-1]['id']}"
        assert names == list("abcde")
        status, _ = await masakari.get(f"{path}?marker={masakari.hosts['a'].uuid}", "m")
        assert status == 400 and masakari.bad_markers == [masakari.hosts["a"].uuid]

    ask(talk, hosts=5)


def words(masakari: Masakari) -> Awaitable[list[str]]:
    """What it says of each report that it has, newest first."""

    async def look() -> list[str]:
        listed = (await masakari.get("/notifications", "m"))[1]["notifications"]
        return [one["status"] for one in listed]

    return look()


def test_its_engine_says_what_it_is_at() -> None:
    async def talk(masakari: Masakari) -> None:
        await statuses(masakari, report(), report("b", status="UNKNOWN"))
        assert await words(masakari) == ["new", "new"]
        await asyncio.sleep(1.0)
        assert await words(masakari) == ["running", "running"]
        await asyncio.sleep(220.0)
        assert await words(masakari) == ["ignored", "finished"]

    ask(talk)


def test_nobody_takes_up_what_an_engine_was_at_when_it_was_killed() -> None:
    async def talk(masakari: Masakari) -> None:
        await statuses(masakari, report())
        await asyncio.sleep(1.0)
        masakari.kill_engine()
        await statuses(masakari, report("b"))
        await asyncio.sleep(600.0)
        assert await words(masakari) == ["new", "running"]
        masakari.start_engine()
        await asyncio.sleep(1.0)
        assert await words(masakari) == ["new", "running"]  # it looks for what is new only now and then
        await asyncio.sleep(600.0)
        assert await words(masakari) == ["finished", "running"]

    ask(talk)


def test_what_fails_is_tried_once_more() -> None:
    async def talk(masakari: Masakari) -> None:
        masakari.nova = False
        await statuses(masakari, report(), report("b"))
        await asyncio.sleep(230.0)
        assert await words(masakari) == ["error", "error"]
        await asyncio.sleep(200.0)
        masakari.maintain("b", False)
        assert await words(masakari) == ["running", "running"] and "b" not in masakari.put_back
        await asyncio.sleep(150.0)
        assert await words(masakari) == ["failed", "failed"]
        masakari.nova = True
        await asyncio.sleep(600.0)
        assert await words(masakari) == ["failed", "failed"]

    ask(talk)


def test_nor_more_often_by_an_engine_that_looks_around_besides() -> None:
    async def talk(masakari: Masakari) -> None:
        masakari.kill_engine()
        masakari.nova = False
        await statuses(masakari, report())
        masakari.start_engine()
        await asyncio.sleep(125.0 + 2 * 219.0 + 130.0)
        assert await words(masakari) == ["failed"]

    ask(talk)


def test_what_an_engine_was_killed_at_has_failed_after_a_day() -> None:
    async def talk(masakari: Masakari) -> None:
        await statuses(masakari, report())
        await asyncio.sleep(1.0)
        masakari.kill_engine()
        assert masakari.is_at("a") and not masakari.is_at("b")
        masakari.let_a_day_pass()
        assert await words(masakari) == ["failed"] and not masakari.is_at("a")

    ask(talk)


def test_an_error_of_before_the_engine_was_killed_is_taken_up_by_the_next() -> None:
    async def talk(masakari: Masakari) -> None:
        masakari.nova = False
        await statuses(masakari, report())
        await asyncio.sleep(230.0)
        masakari.kill_engine()
        masakari.nova = True
        await asyncio.sleep(600.0)
        assert await words(masakari) == ["error"]
        masakari.start_engine()
        await asyncio.sleep(600.0)
        assert await words(masakari) == ["finished"]

    ask(talk)


def test_what_it_has_can_be_looked_up() -> None:
    async def talk(masakari: Masakari) -> None:
        await statuses(masakari, report(at=0.0), report("b", at=60.0))

        async def found(query: str) -> list[dict[str, Any]]:
            listed: list[dict[str, Any]] = (await masakari.get(f"/notifications?{query}", "m"))[1][
                "notifications"
            ]
            return listed

        later = (EPOCH + datetime.timedelta(seconds=30)).replace(tzinfo=None).isoformat()
        assert [one["id"] for one in await found("type=COMPUTE_HOST")] == [2, 1]
        assert [one["id"] for one in await found(f"generated-since={later}")] == [2]
        assert [one["id"] for one in await found(f"source_host_uuid={masakari.hosts['a'].uuid}")] == [1]
        assert await found("type=VM") == []
        assert [one["id"] for one in await found("status=running")] == []
        uuid = (await found("type=COMPUTE_HOST"))[0]["notification_uuid"]
        assert (await masakari.get(f"/notifications/{uuid}", "m"))[1]["notification"]["id"] == 2
        assert (await masakari.get(f"/notifications/{SEGMENT}", "m"))[0] == 404

    ask(talk)
