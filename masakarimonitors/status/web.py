"""One process's status over HTTP, where `[status] listen` says: metrics, three probes, and all of it for programs.

Imported only when it is asked for: h11 costs a monitor memory.
"""

import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence

from masakarimonitors.status import listening, metrics
from masakarimonitors.status.health import Cause, Health, Level
from masakarimonitors.status.kept import Kept
from masakarimonitors.status.model import MonitorStatus
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.network.h11_server import PLAIN, Answer, Handler, Request, in_words
from masakarimonitors.system.network.http_connection import Limits

LOG = logging.getLogger(__name__)

_HERE = (
    "Of the monitors in this process alone: /metrics, /livez, /readyz, /healthz and /status.json. "
    "`masakari-monitors web` serves a page, and these, for all monitors of this host."
)

METRICS = "text/plain; version=0.0.4"
"""The type of the text exposition format."""


@contextlib.asynccontextmanager
async def serve(
    statuses: Sequence[MonitorStatus],
    clock: Clock,
    listen: str,
    *,
    names: Collection[str] = (),
    limits: Limits = listening.LIMITS,
) -> AsyncIterator[str]:
    """Listen while the block runs, on `host:port`, `[address]:port` or a socket's path; gives where.

    `names`: what this host is called by those who look, besides localhost and the host of `listen`. Raises OSError when
    the address cannot be had.
    """

    document = Kept(lambda: json.dumps([status.snapshot(clock.now()) for status in statuses]).encode(), clock)
    numbers = Kept(lambda: metrics.render(statuses, clock), clock)

    async def show(request: Request) -> Answer:
        return in_words(200, _HERE)

    async def as_json(request: Request) -> Answer:
        return Answer(body=document(), type="application/json; charset=utf-8", headers=PLAIN)

    async def as_metrics(request: Request) -> Answer:
        return Answer(body=numbers(), type=METRICS, headers=PLAIN)

    async def alive(request: Request) -> Answer:
        # That it answers is the answer: the loop turns. Nothing else is looked at, or a monitor that is blind, or of
        # which a row cannot be shown, would be killed for it.
        return in_words(200, "OK")

    def probe(choose: Callable[[Health], Sequence[Cause]]) -> Handler:
        def look() -> Sequence[str]:
            now = clock.now()
            lines: list[str] = []
            for status in statuses:
                name = status.record.monitor
                try:
                    lines += [cause.line(name) for cause in choose(status.health(now))]
                except Exception as fault:  # how it is is not known, which is never taken for well
                    LOG.exception("How %s is could not be told", name)
                    lines.append(
                        f"{Level.BLIND.value}: {name}: how it is cannot be told, by a fault of this program "
                        f"({type(fault).__name__}: {fault}). Report it with the log.".replace("\n", " ")
                    )
            return lines

        looked = Kept(look, clock)

        async def answer(request: Request) -> Answer:
            lines = looked()
            return in_words(503 if lines else 200, "\n".join(lines or ["OK"]))

        return answer

    routes: dict[str, Handler] = {
        "/": show,
        "/status.json": as_json,
        "/metrics": as_metrics,
        "/livez": alive,
        "/readyz": probe(lambda judged: judged.unready),
        "/healthz": probe(lambda judged: judged.causes),
    }
    async with listening.at(listen, routes, names=names, option="[status] names", limits=limits) as where:
        LOG.info("status at %s", where)
        yield where
