"""What the check asks of Consul, which right it says is missing, and that it leaves the store alone."""

from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.finding import Finding, Weight
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, parse_address
from masakarimonitors.hostmonitor.drivers.consul.examine import Question, examine
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_consul import FakeConsul
from tests.fixtures.fake_consul_store import FakeStore

PREFIX = "masakari-monitors/hostmonitor/"


class WithStore(FakeConsul):
    """An agent of the first datacentre: it has the store, too."""

    def __init__(self, path: Path, nodes: list[str]) -> None:
        super().__init__(path, nodes)
        self.store = FakeStore(path)

    def app(self) -> Any:
        app = super().app()
        app.middlewares.append(self.store._gate)
        self.store.serve_from(app)
        return app


def consul(tmp_path: Path, nodes: list[str] | None = None) -> WithStore:
    return WithStore(tmp_path / "s", nodes or ["node01", "node02", "node03"])


async def found(played: FakeConsul, own: str = "node01", **changes: Any) -> list[Finding]:
    agents = {"manage": Access(address=parse_address(f"unix://{played.path}"))}
    question: dict[str, Any] = {"agents": agents, "own": own, "prefix": PREFIX}
    async with played:
        return await examine(Question(**question | changes), SystemClock(), Rhythm())


def bad(findings: list[Finding]) -> list[str]:
    assert {one.weight for one in findings} <= {Weight.OK, Weight.FAULT}
    return [one.text for one in findings if one.weight is Weight.FAULT]


async def test_everything_in_order_and_nothing_is_written(tmp_path: Path) -> None:
    played = consul(tmp_path)
    findings = await found(played)
    assert bad(findings) == []
    words = " ".join(one.text for one in findings)
    assert "manage shows 3 nodes" in words and "a session can be had" in words
    assert "can be read and written; nobody is the reporter yet" in words
    assert (played.store.keys, played.store.sessions) == ({}, set())


async def test_without_an_election_the_store_is_not_touched(tmp_path: Path) -> None:
    played = consul(tmp_path)
    (only,) = await found(played, prefix=None)
    assert only.weight is Weight.OK and played.store.terms == {}


async def test_who_holds_the_lock_goes_on_holding_it(tmp_path: Path) -> None:
    played = consul(tmp_path)
    played.store.keys[PREFIX + "reporter"] = (b'{"node": "node02", "links": ["manage"]}', "session-9")
    played.store.sessions.add("session-9")
    before = dict(played.store.keys)
    assert bad(await found(played)) == []
    assert (played.store.keys, played.store.sessions) == (before, {"session-9"})


async def test_a_fleet_that_may_not_be_told_is_a_warning_with_the_right(tmp_path: Path) -> None:
    played = consul(tmp_path)
    played.store.unwritable = {"masakari-monitors/hostmonitor-fleet/node01"}
    *rest, last = await found(played, fleet=True)
    assert {one.weight for one in rest} == {Weight.OK} and last.weight is Weight.WARNING
    assert 'key_prefix "masakari-monitors/hostmonitor-fleet/" { policy = "write" }' in last.text
    assert played.store.keys == {}


async def test_a_fleet_that_may_be_told_is_not_worth_a_word(tmp_path: Path) -> None:
    assert len(await found(consul(tmp_path), fleet=True)) == len(await found(consul(tmp_path)))


@pytest.mark.parametrize("key", ["reporter", "ledger", "challenge"])
async def test_a_key_that_may_not_be_written_is_named(tmp_path: Path, key: str) -> None:
    played = consul(tmp_path)
    played.store.unwritable = {PREFIX + key}
    (text,) = bad(await found(played))
    assert f"{PREFIX}{key} in manage may not be written" in text
    assert f'key_prefix "{PREFIX}" {{ policy = "write" }}' in text and "every monitor reports" in text
    assert played.store.keys == {}


async def test_a_token_without_any_right_to_the_store(tmp_path: Path) -> None:
    played = consul(tmp_path)
    played.store.refuse = True
    texts = bad(await found(played))
    assert len(texts) == 2
    assert 'session_prefix "" { policy = "write" }' in texts[0] and "key_prefix" in texts[1]


async def test_a_token_that_may_read_no_node(tmp_path: Path) -> None:
    played = consul(tmp_path)
    played.fail(allowed=False)
    text, *_ = bad(await found(played, prefix=None))
    assert "the token may not read nodes (node_prefix read)" in text and "blind" in text


async def test_a_datacentre_without_a_leader(tmp_path: Path) -> None:
    played = consul(tmp_path)
    played.fail(leader=False)
    (text,) = bad(await found(played, prefix=None))
    assert "manage cannot be seen" in text and "blind" in text


async def test_an_agent_that_is_not_there(tmp_path: Path) -> None:
    access = Access(address=parse_address(f"unix://{tmp_path}/absent"))
    findings = await examine(Question(agents={"storage": access}, own="n", prefix=PREFIX), SystemClock())
    (text,) = bad(findings)
    assert "storage cannot be seen" in text and "[consul] agent_storage" in text


async def test_a_node_that_has_another_name_there_is_told_that(tmp_path: Path) -> None:
    played = consul(tmp_path, ["node01.example.org", "node02.example.org"])
    (text,) = bad(await found(played, prefix=None))
    assert "There is a node node01.example.org: [DEFAULT] hostname must be Consul's name, too" in text


async def test_a_token_that_shows_only_this_node_watches_nobody(tmp_path: Path) -> None:
    (text,) = bad(await found(consul(tmp_path, ["node01"]), prefix=None))
    assert "no failure could be seen here" in text
