"""Proof by BMC and signs of life, when many hosts fail together and when some BMCs never end their answer."""

import asyncio
import contextlib
import socket
import time

from aiohttp import web

from benchmarks.table import Row, quantile
from masakarimonitors.hostmonitor.core.observation import CheckLife, CheckPower, Life, Power
from masakarimonitors.hostmonitor.drivers.base import Endpoint
from masakarimonitors.hostmonitor.effects.life import SignsOfLife
from masakarimonitors.hostmonitor.power.bmc import Address, Literal, Speaks
from masakarimonitors.hostmonitor.power.prover import PowerPolicy, Prover
from masakarimonitors.system.clock import SystemClock

HOSTS = 200
DRIPPING = 100
APART = 2.0
"""Seconds between two looks here: the least that the option allows. The default adds eight."""


async def answer(request: web.Request) -> web.StreamResponse:
    if not request.path.endswith("/drips"):
        return web.json_response({"PowerState": "Off"})
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "100000"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):  # the asker's time was up
        while True:
            await response.write(b" ")
            await asyncio.sleep(1.0)
    return response


def bmc(port: int, name: str) -> Address:
    url = f"http://127.0.0.1:{port}"
    return Address(
        device=name, speaks=Speaks.REDFISH, host=url, user="u", secret=Literal("p"), system=f"/systems/{name}"
    )


async def prove(prover: Prover, host: str, number: int) -> tuple[float, Power]:
    began = time.perf_counter()
    seen = await prover.prove(CheckPower(host, 1, number))
    return time.perf_counter() - began, seen.power


async def proofs(port: int) -> list[Row]:
    clock = SystemClock()
    prover = Prover(PowerPolicy(apart=APART), clock)
    hosts = [f"n{n}" for n in range(HOSTS)]
    slow = [f"slow{n}" for n in range(DRIPPING)]
    known = {host: (bmc(port, host),) for host in hosts}
    known |= {host: (bmc(port, f"{host}/drips"),) for host in slow}
    prover.learn(known)
    ended = await asyncio.gather(*(prove(prover, host, n) for n, host in enumerate(hosts)))
    assert {power for _, power in ended} == {Power.OFF}
    slowest = max(seconds for seconds, _ in ended)
    hanging = [asyncio.get_running_loop().create_task(prove(prover, host, n)) for n, host in enumerate(slow)]
    await asyncio.sleep(0.5)
    behind, power = await prove(prover, hosts[0], 0)
    assert power is Power.OFF
    unproven = await asyncio.gather(*hanging)
    assert {power for _, power in unproven} == {Power.NO_PROOF}
    prover.close()
    return [
        Row(
            f"{HOSTS} hosts off at once, Redfish: the last one proven",
            "<= 8 s",
            f"{slowest:.1f} s",
            slowest <= 8,
        ),
        Row(
            f"a healthy BMC behind {DRIPPING} that drip: its host proven",
            "<= 15 s",
            f"{behind:.1f} s",
            behind <= 15,
        ),
    ]


async def life() -> Row:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    looks = SignsOfLife(
        lambda host: [Endpoint("127.0.0.1", port, "ssh"), Endpoint("127.0.0.1", port, "agent")],
        SystemClock(),
        leads_elsewhere=lambda address: True,
    )

    async def one(number: int) -> float:
        began = time.perf_counter()
        assert (await looks.check(CheckLife(f"n{number}", number))).life is Life.ALIVE
        return time.perf_counter() - began

    spans = await asyncio.gather(*(one(n) for n in range(1000)))
    slowest = quantile(spans, 1.0)
    return Row("1,000 hosts at once: the last sign of life", "<= 5 s", f"{slowest:.1f} s", slowest <= 5)


async def bench() -> list[Row]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        return [*await proofs(runner.addresses[0][1]), await life()]
    finally:
        await runner.cleanup()
