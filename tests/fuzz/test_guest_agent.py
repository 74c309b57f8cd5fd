"""What a guest agent answers: whoever is root in the guest chooses every byte of it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.introspectiveinstancemonitor.sources.agent import NotAsked, Refused, Silent, meaning_of
from masakarimonitors.introspectiveinstancemonitor.sources.agent_commands import AgentCommands
from masakarimonitors.introspectiveinstancemonitor.sources.output import (
    LONGEST,
    End,
    Expression,
    Undecided,
    end_of,
)
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Target
from masakarimonitors.libvirt.session import Session
from masakarimonitors.system.clock import SystemClock
from tests.fuzz.driver import ENDURABLE, fuzzed, memory_of, read_or_refused
from tests.fuzz.shapes import DEEP, any_json, any_text, bent_json, nested

EXEC = {"return": {"pid": 7}}
STATUS = {
    "return": {
        "exited": True,
        "exitcode": 0,
        "out-data": base64.b64encode(b"OK\n").decode(),
        "err-data": "",
        "out-truncated": False,
    }
}
GUEST = Target(
    uuid="0bd7a8d3-7c38-4a52-8d1c-5d3e1a3b5a11", name="web-1", run="boot-1", domain_id=3, askable=True
)


class _Session:
    """Calls at once what it is given."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    async def call(self, function: Any, _timeout: float) -> Any:
        return function(None)


@asynccontextmanager
async def session(uri: str, purpose: str, **options: Any) -> AsyncIterator[Session]:
    yield cast(Session, _Session())


def asked(answers: list[str]) -> object:
    """One command in one guest, whose agent gives these answers, the last one again and again."""

    async def play() -> object:
        left = list(answers)

        def ask(_handle: Any, _uuid: str, _domain_id: int, _request: str, _seconds: int) -> str:
            return left.pop(0) if len(left) > 1 else left[0]

        commands = AgentCommands("test:///default", SystemClock(), lambda _uuid: True, session, ask)
        try:
            pid = await commands.start(GUEST, ("/bin/true",))
            assert isinstance(pid, int)
            return await commands.wait(GUEST, pid, 0.0)
        finally:
            await commands.close()

    return asyncio.run(play())


@fuzzed(3)
@given(begun=bent_json([EXEC], most=2), ended=bent_json([STATUS]))
def test_a_command_ends_or_its_answer_is_refused(begun: Any, ended: Any) -> None:
    answers = [json.dumps(begun), json.dumps(ended)]
    end = read_or_refused(lambda: asked(answers), Refused, ValueError)
    if end is not None:
        assert isinstance(end, End) and len(end.output) <= LONGEST


@fuzzed(3)
@given(answer=st.one_of(any_text, any_json.map(json.dumps)))
def test_any_answer(answer: str) -> None:
    read_or_refused(lambda: asked([answer]), Refused, ValueError)
    read_or_refused(lambda: asked([json.dumps(EXEC), answer]), Refused, ValueError)


@pytest.mark.parametrize("depth", DEEP)
def test_nesting(depth: int) -> None:
    for answer in (nested("[", "", "]", depth), nested('{"return":', "1", "}", depth)):
        read_or_refused(lambda answer=answer: asked([answer]), Refused, ValueError)  # type: ignore[misc]


@pytest.mark.parametrize("name", ["out-data", "err-data", "pid", "x"])
def test_an_answer_without_end(name: str) -> None:
    """An agent keeps 16 MiB of what a command prints; base64 makes more of it."""
    answer = json.dumps({"return": {"exited": True, "exitcode": 0, name: "QUJD" * (6 << 20)}})

    def refuse() -> None:
        with pytest.raises(Refused):
            asked([json.dumps(EXEC), answer])

    assert memory_of(lambda: read_or_refused(refuse)) < ENDURABLE


@fuzzed()
@given(status=bent_json([STATUS["return"]]))
def test_how_a_command_ended(status: Any) -> None:
    if isinstance(status, dict):
        end = read_or_refused(lambda: end_of(status), ValueError)
        assert end is None or len(end.output) <= LONGEST


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_no_output_makes_an_expression_search_for_ever(pattern: str) -> None:
    expression = Expression(pattern)
    for text in ("a" * LONGEST, "ab" * (LONGEST // 2), "\n" * LONGEST, "\0" * LONGEST):
        read_or_refused(lambda text=text: expression.found_in(text), Undecided)  # type: ignore[misc]


@fuzzed()
@given(code=st.integers(), words=any_text, waited=st.floats(0, 100))
def test_an_error_of_libvirts(code: int, words: str, waited: float) -> None:
    meaning = meaning_of(code, words, '{"execute": "guest-ping"}', waited=waited, seconds=5)
    assert meaning in (Silent, NotAsked, Refused)
