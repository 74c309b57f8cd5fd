"""The probes and the metrics of all monitors of this host, as answers over HTTP.

In: the monitors, asked anew at each question. Out: 200 with `OK`, or 503 with a line for each thing that is wrong.
"""

import asyncio
from collections.abc import Callable, Mapping

from masakarimonitors.status.asked import Answer as Heard
from masakarimonitors.system.network.h11_server import PLAIN, Answer, Handler, Request, in_words
from masakarimonitors.web.exposition import merged
from masakarimonitors.web.lives import Life, Wrong, wrongs
from masakarimonitors.web.watching import METRICS, Watch

METRICS_TYPE = "text/plain; version=0.0.4"

_UP = "masakari_monitors_up"
_ANSWERING = "masakari_monitors_answering"


def routes(watch: Watch) -> Mapping[str, Handler]:
    """What is answered where."""

    async def alive(request: Request) -> Answer:
        # That it answers is the answer: no monitor is asked, or a blind one would have this page killed.
        return in_words(200, "OK")

    def probe(choose: Callable[[Wrong], bool]) -> Handler:
        async def answer(request: Request) -> Answer:
            await watch.look()
            lines = [one.line() for one in wrongs(watch.seen) if choose(one)]
            return in_words(503 if lines else 200, "\n".join(lines or ["OK"]))

        return answer

    async def metrics(request: Request) -> Answer:
        found, _ = await asyncio.gather(watch.hear(METRICS), watch.look())
        texts = {
            name: one.snapshot["metrics"]
            for name, one in found.items()
            if one.answer is Heard.SAID and isinstance(one.snapshot.get("metrics"), str)
        }
        # Who tells no metrics, by a fault of ours or as an earlier release, has no health in them that could alarm.
        up = {
            one.name: one.life is Life.RUNS and bool(texts.get(one.name))
            for one in watch.seen
            if one.life is not Life.ABSENT
        }
        own = [
            f"# HELP {_UP} 1 while the monitor answers and tells its metrics; 0 while it is dead, hung, stopped, or "
            "nobody can see.",
            f"# TYPE {_UP} gauge",
            *(f'{_UP}{{monitor="{name}"}} {float(answers)}' for name, answers in up.items()),
            f"# HELP {_ANSWERING} How many monitors of this host answer and tell their metrics.",
            f"# TYPE {_ANSWERING} gauge",
            f"{_ANSWERING} {float(sum(up.values()))}",
        ]
        # Half a character of one monitor must not cost the numbers of the others.
        body = merged(texts, own).encode("utf-8", "backslashreplace")
        return Answer(body=body, type=METRICS_TYPE, headers=PLAIN)

    return {
        "/livez": alive,
        "/readyz": probe(lambda wrong: wrong.unready),
        "/healthz": probe(lambda wrong: True),
        "/metrics": metrics,
    }
