"""The host monitor's core alone: 10,000 hosts on three links, one host changes."""

import resource
import time

from benchmarks.table import Row
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting
from tests.fixtures.host_play import OWN, THREE, Play

HOSTS = 10_000
ROUNDS = 20


def bench() -> list[Row]:
    up, down = Sighting(Membership.UP, "serfHealth passing"), Sighting(Membership.DOWN, "serfHealth critical")
    hosts = [f"node{n:05}" for n in range(HOSTS)]
    play = Play()
    for link in THREE:
        play.view(link).listing(link, dict.fromkeys((OWN, *hosts), up))
    began = time.perf_counter()
    for link in THREE:
        play.listing(link, dict.fromkeys((OWN, *hosts), Sighting(Membership.UP, "serfHealth passing")))
    resync = (time.perf_counter() - began) * 1000 / len(THREE)
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
            "<= 10 ms",
            f"{slowest:.1f} ms",
            slowest <= 10,
        ),
        Row(
            f"{HOSTS} hosts x 3 links: a link's resync that shows no change",
            "<= 20 ms",
            f"{resync:.1f} ms",
            resync <= 20,
        ),
        Row(f"{HOSTS} hosts x 3 links: peak RSS of the process", "-", f"{peak:.0f} MB", True),
    ]
