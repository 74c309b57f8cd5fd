"""The host monitor's core alone: 10,000 hosts on three links, one host changes."""

import resource
import time

from benchmarks.table import Row
from masakarimonitors.hostmonitor.observation import Link, Sighting
from tests.fixtures.host_play import OWN, THREE, Play

HOSTS = 10_000
ROUNDS = 20


def bench() -> list[Row]:
    up, down = Sighting(Link.UP, "serfHealth passing"), Sighting(Link.DOWN, "serfHealth critical")
    hosts = [f"node{n:05}" for n in range(HOSTS)]
    play = Play()
    for link in THREE:
        play.view(link).listing(link, dict.fromkeys((OWN, *hosts), up))
    began = time.perf_counter()
    for link in THREE:
        play.listing(link, dict.fromkeys((OWN, *hosts), Sighting(Link.UP, "serfHealth passing")))
    resync = (time.perf_counter() - began) * 1000
    spans = []
    for n in range(ROUNDS):
        began = time.perf_counter()
        for link in THREE:
            play.change(link, {hosts[n]: down})
        play.wait(2.0)
        spans.append((time.perf_counter() - began) * 1000)
        play.wait(3600.0)
    assert len(play.reports) == ROUNDS
    slowest = max(spans)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Row(
            f"{HOSTS} hosts x 3 links: one host's change to verdict",
            "<= 150 ms",
            f"{slowest:.1f} ms",
            slowest <= 150,
        ),
        Row(
            f"{HOSTS} hosts x 3 links: a resync that shows no change",
            "<= 150 ms",
            f"{resync:.1f} ms",
            resync <= 150,
        ),
        Row(f"{HOSTS} hosts x 3 links: peak RSS of the process", "-", f"{peak:.0f} MB", True),
    ]
