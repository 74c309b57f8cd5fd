"""What each host's monitor says of itself, in a store that the test plays."""

from collections.abc import AsyncIterator

import pytest

from masakarimonitors.hostmonitor.drivers.base import NotShared
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, parse_address
from masakarimonitors.hostmonitor.drivers.consul.peers import StoredWords, prefix_of, words_in
from tests.fixtures.fake_consul_store import FakeStore
from tests.unit.hostmonitor.drivers.consul.electing import PREFIX

FLEET = prefix_of(PREFIX)

VALUES = [[{"Key": "a", "Value": value}] for value in ("\xe9", "a", "\u2028")]
"""No base64, with letters that base64 has not and with those that no encoding of Consul's has."""


@pytest.fixture
async def words(store: FakeStore) -> AsyncIterator[StoredWords]:
    made = StoredWords(Access(address=parse_address(store.address), token="ours"), FLEET)
    yield made
    await made.close()


async def test_each_host_has_a_key_and_all_are_read_at_once(store: FakeStore, words: StoredWords) -> None:
    assert await words.read() == {}
    await words.tell("node01", b"one")
    await words.tell("node02", b"two")
    await words.tell("node01", b"three")
    assert await words.read() == {"node01": b"three", "node02": b"two"}
    assert set(store.keys) == {FLEET + "node01", FLEET + "node02"}


async def test_nobody_who_follows_the_election_is_woken_by_it() -> None:
    assert FLEET.endswith("/") and not FLEET.startswith(PREFIX)
    assert prefix_of("masakari-monitors/hostmonitor/") == "masakari-monitors/hostmonitor-fleet/"


async def test_a_right_that_is_missing_is_named(store: FakeStore, words: StoredWords) -> None:
    store.refuse_from = {"ours"}
    with pytest.raises(NotShared, match=f'key_prefix "{FLEET}" {{ policy = "write" }}'):
        await words.tell("node01", b"one")


async def test_a_store_without_a_leader_is_said(store: FakeStore, words: StoredWords) -> None:
    store.leader = False
    for act in (words.read(), words.tell("node01", b"")):
        with pytest.raises(NotShared, match="500"):
            await act


async def test_more_than_all_hosts_can_say_is_not_read(store: FakeStore, words: StoredWords) -> None:
    store.put(FLEET + "node01", b"x" * (13 << 20))
    with pytest.raises(NotShared, match="more than 16 MiB"):
        await words.read()


async def test_an_empty_value_is_an_empty_word(store: FakeStore, words: StoredWords) -> None:
    store.put(FLEET + "node01", b"")
    assert await words.read() == {"node01": b""}


@pytest.mark.parametrize(
    "rows", [{"a": 1}, [None], [{}], [{"Key": 1, "Value": ""}], [{"Key": "a", "Value": 1}], *VALUES], ids=repr
)
def test_what_makes_no_sense_is_said(rows: object) -> None:
    with pytest.raises(NotShared, match="not what Consul's key-value store answers"):
        words_in(rows, FLEET)
