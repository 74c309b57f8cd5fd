"""What BMCs answer: documents of Redfish; a password is in none of the evidence."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.power.bmc import Address, Literal, Reading, Speaks
from masakarimonitors.hostmonitor.power.redact import shown
from masakarimonitors.hostmonitor.power.redfish import Redfish
from tests.fuzz.driver import fuzzed, read_or_refused
from tests.fuzz.shapes import DEEP, any_json, any_text, bent_json, json_bytes, nested

SECRET = 'p"ä ss\\1'
ROOT = {"Name": "Root", "Systems": {"@odata.id": "/redfish/v1/Systems"}}
SYSTEMS = {"Name": "Systems", "Members": [{"@odata.id": "/redfish/v1/Systems/1"}]}
SYSTEM = {"Id": "1", "PowerState": "Off", "Links": {"ManagedBy": [{"@odata.id": "/redfish/v1/Managers/1"}]}}
MANAGER = {"Id": "1", "DateTime": "2026-11-22T08:00:00Z", "LastResetTime": "2026-11-22T07:00:00Z"}
FAULT = {"error": {"message": "no such thing", "code": "Base.1.0.GeneralError"}}


def asked(answers: list[tuple[int, bytes, dict[str, str]]]) -> Reading:
    """What Redfish makes of these answers, in this order, the last one again and again."""

    async def play() -> Reading:
        left = list(answers)

        async def answer(_request: web.Request) -> web.Response:
            status, body, headers = left.pop(0) if len(left) > 1 else left[0]
            return web.Response(status=status, body=body, headers=headers)

        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            bmc = Address(
                device="d",
                speaks=Speaks.REDFISH,
                host=f"http://127.0.0.1:{port}",
                user="admin",
                secret=Literal(SECRET),
            )
            return await Redfish(60.0).read(bmc)
        finally:
            await runner.cleanup()

    return asyncio.run(play())


STEPS = st.tuples(bent_json([ROOT]), bent_json([SYSTEMS]), bent_json([SYSTEM]), bent_json([MANAGER]))


@fuzzed(12)
@given(documents=STEPS)
def test_any_documents_are_a_reading(documents: tuple[Any, ...]) -> None:
    answers = [(200, json_bytes(document), {"Content-Type": "application/json"}) for document in documents]
    reading = read_or_refused(lambda: asked(answers))
    assert reading is not None
    if reading.power is Power.OFF:
        assert b'"Off"' in b"".join(body for _, body, _ in answers)


@fuzzed(12)
@given(
    status=st.sampled_from([200, 301, 307, 400, 401, 403, 404, 500, 503]),
    body=st.one_of(any_json.map(json_bytes), bent_json([FAULT]).map(json_bytes), st.binary(max_size=30)),
    place=st.sampled_from(
        ["/redfish/v1/", "http://192.0.2.9/redfish/v1/", "http://[::1", "//x", "", "\x7f", "/\u00e9"]
    ),
)
def test_any_answer_is_a_reading(status: int, body: bytes, place: str) -> None:
    headers = {"Location": place} if place.isprintable() else {}
    reading = read_or_refused(lambda: asked([(status, body, headers)]))
    assert reading is not None and reading.power is Power.NO_PROOF and reading.evidence.isprintable()


@pytest.mark.parametrize("depth", DEEP)
def test_nesting(depth: int) -> None:
    for text in (nested("[", "", "]", depth), nested('{"Systems":', "1", "}", depth)):
        reading = read_or_refused(lambda text=text: asked([(200, text.encode(), {})]))  # type: ignore[misc]
        assert reading is not None and reading.power is Power.NO_PROOF


@fuzzed()
@given(
    before=any_text,
    after=any_text,
    form=st.sampled_from([SECRET, json.dumps(SECRET)[1:-1], repr(SECRET)[1:-1]]),
)
def test_no_words_show_the_password(before: str, after: str, form: str) -> None:
    words = read_or_refused(lambda: shown(f"{before}{form}{after}", SECRET))
    assert words is not None and SECRET not in words and len(words) <= 10 * 200 and words.isprintable()
