"""The life of one connection, without a socket: each stage with its deadline, and who makes room for whom."""

import asyncio

import pytest

from masakarimonitors.system.network.http_connection import (
    MOVES,
    Connection,
    Connections,
    Limits,
    Seen,
    Stage,
)


class Transport(asyncio.Transport):
    """What was sent, and how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.ended = asyncio.Event()
        self.how = ""
        self.unread = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def get_write_buffer_size(self) -> int:
        return self.unread

    def close(self) -> None:
        self.how = self.how or "closed"
        self.ended.set()

    def abort(self) -> None:
        self.how = self.how or "aborted"
        self.ended.set()


def connected(all_: Connections) -> tuple[Connection, Transport]:
    connection, transport = Connection(all_, asyncio.Protocol()), Transport()
    connection.connection_made(transport)
    return connection, transport


def test_every_stage_can_be_lost_and_a_closed_one_stays_closed() -> None:
    for stage in Stage:
        expected = None if stage is Stage.CLOSED else Stage.CLOSED
        assert MOVES.get((stage, Seen.LOST)) is expected
    assert not any(before is Stage.CLOSED for before, _ in MOVES)


async def test_one_request_after_another() -> None:
    connection, transport = connected(Connections(Limits()))
    stages = []
    for _ in range(2):
        stages.append(connection.stage)
        connection.data_received(b"GET")
        connection.data_received(b" / ")
        stages.append(connection.stage)
        connection.see(Seen.ASKED)
        connection.data_received(b"the next")
        stages.append(connection.stage)
        connection.see(Seen.ANSWERED)
    connection.connection_lost(None)
    assert stages == 2 * [Stage.OPEN, Stage.READING, Stage.ANSWERING]
    assert connection.stage is Stage.CLOSED and transport.how == ""


@pytest.mark.parametrize(
    ("began", "unread", "how", "sent"),
    [(False, 0, "aborted", b""), (True, 0, "closed", b"408"), (True, 10, "aborted", b"")],
    ids=["nothing asked", "half asked", "an answer unread"],
)
async def test_each_stage_has_its_deadline(began: bool, unread: int, how: str, sent: bytes) -> None:
    connection, transport = connected(Connections(Limits(request=0.01, idle=0.01)))
    transport.unread = unread
    if began:
        connection.data_received(b"GET")
    await transport.ended.wait()
    assert transport.how == how and sent in transport.sent and bool(transport.sent) == bool(sent)


async def test_who_is_answered_stays_and_who_never_asked_goes_first() -> None:
    all_ = Connections(Limits(connections=3, grace=0.0))
    (busy, _), (known, at_known), (_, at_silent) = (connected(all_) for _ in range(3))
    for one in (busy, known):
        one.see(Seen.ASKED)
    known.see(Seen.ANSWERED)
    _, at_first = connected(all_)
    assert (at_silent.how, at_known.how) == ("aborted", "")
    connected(all_)
    assert at_first.how == "aborted", "it has never asked, either"


async def test_who_has_just_come_or_begun_to_ask_makes_room_last() -> None:
    """A burst of newcomers takes the places of who rests, and only then those of one another."""
    all_ = Connections(Limits(connections=4, grace=3600.0))
    rested = [connected(all_) for _ in range(3)]
    for one, _ in rested:
        one.see(Seen.ASKED)
        one.see(Seen.ANSWERED)
    asking, at_asking = connected(all_)
    asking.data_received(b"GET")
    newcomers = []
    for _ in range(3):
        newcomer, at_newcomer = connected(all_)
        newcomer.data_received(b"GET")
        newcomers.append((newcomer, at_newcomer))
    assert [at.how for _, at in rested] == 3 * ["aborted"] and at_asking.how == ""
    _, at_last = connected(all_)
    assert at_asking.how == "aborted", "of those who ask it has done so for longest"
    assert [at.how for _, at in newcomers] == 3 * [""] and at_last.how == ""


async def test_strangers_who_say_one_byte_keep_nobody_out() -> None:
    all_ = Connections(Limits(grace=3600.0))
    strangers = [connected(all_) for _ in range(all_.limits.connections)]
    for one, _ in strangers:
        one.data_received(b"G")
    newcomer, at_newcomer = connected(all_)
    assert all_.of(at_newcomer) is newcomer and at_newcomer.sent == b""
    assert [at.how for _, at in strangers] == ["aborted"] + 31 * [""]
    newcomer.data_received(b"GET /livez")
    newcomer.see(Seen.ASKED)
    for _ in range(100):
        stranger, _ = connected(all_)
        stranger.data_received(b"G")
    assert at_newcomer.how == "", "whoever is being answered is not cut off"


async def test_who_reads_goes_last_also_while_he_asks_anew() -> None:
    all_ = Connections(Limits(connections=2, grace=3600.0))
    (reader, at_reader), (_, at_asking) = connected(all_), connected(all_)
    reader.see(Seen.ASKED)
    reader.see(Seen.ANSWERED)
    at_reader.unread = 10
    reader.data_received(b"GET")
    newcomer, _ = connected(all_)
    assert (at_reader.how, at_asking.how) == ("", "aborted")
    newcomer.see(Seen.ASKED)
    _, at_next = connected(all_)
    assert at_reader.how == "aborted" and at_next.sent == b"", (
        "a newcomer is refused for nobody who only reads"
    )


async def test_who_does_not_read_his_answer_goes_before_all_others() -> None:
    """Those who never read, however many they are, keep nobody out, and nobody who reads is cut off for them."""
    all_ = Connections(Limits(connections=8, grace=0.0))
    (reader, at_reader), (resting, at_resting) = connected(all_), connected(all_)
    never = [connected(all_) for _ in range(6)]
    for one, _ in ((reader, at_reader), (resting, at_resting), *never):
        one.see(Seen.ASKED)
        one.see(Seen.ANSWERED)
    at_reader.unread = 1000
    for _, at in never:
        at.unread = 1000
    await asyncio.sleep(0)
    for number in range(6):
        at_reader.unread -= 100  # some of it has been taken
        newcomer, at_newcomer = connected(all_)
        assert at_newcomer.sent == b""
        newcomer.see(Seen.ASKED)  # and is being answered
        assert [at.how for _, at in never] == (number + 1) * ["aborted"] + (5 - number) * [""]
    assert (at_reader.how, at_resting.how) == ("", "")


async def test_an_answer_that_is_being_taken_is_not_called_unread() -> None:
    all_ = Connections(Limits(connections=2, grace=3600.0))
    (reader, at_reader), (resting, at_resting) = connected(all_), connected(all_)
    for one in (reader, resting):
        one.see(Seen.ASKED)
        one.see(Seen.ANSWERED)
    at_reader.unread = 10
    connected(all_)
    assert (at_reader.how, at_resting.how) == ("", "aborted")


async def test_of_those_who_have_just_come_or_begun_to_ask_the_first_makes_room() -> None:
    """A newcomer has the time that as many others need to come as there may be: one turn of the loop is enough."""
    all_ = Connections(Limits(connections=3, grace=3600.0))
    strangers = [connected(all_) for _ in range(2)]
    for one, _ in strangers:
        one.data_received(b"G")
    newcomer, at_newcomer = connected(all_)
    others = [connected(all_) for _ in range(2)]
    assert [at.how for _, at in strangers] == 2 * ["aborted"] and at_newcomer.how == ""
    newcomer.data_received(b"GET /livez")
    newcomer.see(Seen.ASKED)
    connected(all_)
    assert (at_newcomer.how, [at.how for _, at in others]) == ("", ["aborted", ""])


async def test_who_does_not_come_to_the_end_of_his_request_goes_after_who_rests() -> None:
    all_ = Connections(Limits(connections=3, grace=0.0))
    (slow, at_slow), (resting, at_resting), (busy, at_busy) = (connected(all_) for _ in range(3))
    slow.data_received(b"GET")
    for one in (resting, busy):
        one.see(Seen.ASKED)
    resting.see(Seen.ANSWERED)
    first, _ = connected(all_)
    assert (at_resting.how, at_slow.how, at_busy.how) == ("aborted", "", "")
    first.see(Seen.ASKED)
    connected(all_)
    assert (at_slow.how, at_busy.how) == ("aborted", ""), "it is being answered"


async def test_where_all_are_answered_the_newcomer_is_told_so() -> None:
    all_ = Connections(Limits(connections=1))
    busy, at_busy = connected(all_)
    busy.see(Seen.ASKED)
    refused, at_refused = connected(all_)
    assert at_refused.sent.startswith(b"HTTP/1.1 503 ") and at_refused.how == "closed" and at_busy.how == ""
    refused.data_received(b"GET")
    refused.eof_received()
    refused.pause_writing()
    refused.resume_writing()
    refused.connection_lost(None)
    assert all_.of(at_busy) is busy and all_.of(at_refused) is None


async def test_more_bytes_than_any_request_has_end_it() -> None:
    connection, transport = connected(Connections(Limits(body=10)))
    for _ in range(600):
        connection.data_received(b"x" * 1024)
    assert transport.how == "aborted" and connection.stage is Stage.CLOSED
