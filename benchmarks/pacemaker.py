"""Pacemaker: from what Corosync and Pacemaker know to what the monitor says, on the real cluster.

Needs root and tools/setup-pacemaker.sh; without them only the pure figure is measured.
"""

import contextlib
import datetime
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.table import Row
from masakarimonitors.core.decision import Instant, Ruling
from masakarimonitors.hostmonitor.core.decision import Decider
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import Sample, View
from masakarimonitors.hostmonitor.core.state import Policy, restore
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.cib import read_cib
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.crm_mon import read_crm_mon
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import Look, Own, Rules, classify
from tests.fixtures.waiting import until
from tests.integration.pacemaker.rig import MEMBERS, Rig, end_inside, remote_tree, why_not
from tests.integration.pacemaker.world import REPO, World

REMOTES = 1000
TIMES = 3
WARM_UP = 40.0
"""Seconds after the start that are not measured: it looks at more then."""
IDLE_SECONDS = 60.0
IDLE = 0.3
POLLING = 0.4
"""Per cent of a core. Until an alert of the present controller was heard nothing announces a lost remote: cibadmin runs
every 10 s then, and to start and to end a program costs 15 ms, those of our own process included."""
DATA = REPO / "tests" / "data" / "pacemaker"


def bench() -> list[Row]:
    """All figures."""
    rows = [thousand_remotes()]
    reason = why_not()
    if reason is not None:
        print(f"the real cluster is not measured: {reason}")
        return rows
    with cluster() as rig:
        rows += suspicion(rig)
        rows += reports(rig)
    return rows


# -- a thousand remotes, pure --------------------------------------------------------------------------


def documents(lost: bool) -> tuple[str, str]:
    """A CIB and a crm_mon with REMOTES remotes, each with its resource, histories and node_state."""
    names = [f"compute{i:04d}" for i in range(REMOTES)]
    cib = (DATA / "healthy.cib.xml").read_text()
    mon = (DATA / "healthy.crm_mon.xml").read_text()
    start = cib.index('      <primitive id="r1"')
    primitive = cib[start : cib.index("</primitive>", start) + len("</primitive>\n")]
    start = cib.index('          <lrm_resource id="r1"')
    history = cib[start : cib.index("</lrm_resource>", start) + len("</lrm_resource>\n")]
    state = '    <node_state remote_node="true" id="{0}" uname="{0}" in_ccm="{1}" node_fenced="0"/>\n'

    def each(text: str, old: str = "r1") -> str:
        return "".join(text.replace(f'"{old}', f'"{name}') for name in names)

    cib = cib.replace("    </resources>\n", each(primitive) + "    </resources>\n", 1)
    cib = cib.replace("        </lrm_resources>\n", each(history) + "        </lrm_resources>\n")
    dead = names[500] if lost else ""
    states = "".join(state.format(name, "false" if name == dead else "true") for name in names)
    cib = cib.replace("  </status>", states + "  </status>")
    node = next(line for line in mon.splitlines(keepends=True) if 'id="r1"' in line)
    nodes = "".join(
        node.replace('"r1"', f'"{name}"').replace('unclean="false"', f'unclean="{str(name == dead).lower()}"')
        for name in names
    )
    start = mon.index('    <resource id="r1"')
    resource = mon[start : mon.index("</resource>", start) + len("</resource>\n")]
    mon = mon.replace("  </nodes>\n", nodes + "  </nodes>\n", 1)
    mon = mon.replace("  </resources>\n", each(resource) + "  </resources>\n", 1)
    return cib, mon


def thousand_remotes() -> Row:
    """From the two texts to the core's verdict that one of the thousand is suspected."""
    healthy, lost = documents(False), documents(True)
    own = Own(names=frozenset({"n1"}), node_id=1)
    wall = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
    policy = Policy(
        own="n1",
        matrix=matrix.single("cluster"),
        lookup=False,
        settle=0.0,
    )
    decide = Decider(policy)
    took = []
    for _ in range(10):
        at = Instant(1000.0, wall)
        look = Look(cib=read_cib(healthy[0]), mon=read_crm_mon(healthy[1]), at=at)
        findings, records = classify(look, {}, Rules(), own)
        before = findings
        state, _d = decide(restore(policy, {}), View(link="cluster", proven=True, why="quorate", at=at), at)
        sample = Sample("cluster", {h: f.sighting for h, f in findings.items()}, at, whole=True)
        state, _d = decide(state, sample, at)
        begun = time.process_time()  # other work on this host must not count
        look = Look(cib=read_cib(lost[0]), mon=read_crm_mon(lost[1]), at=at)
        findings, records = classify(look, records, Rules(), own)
        news = {h: f.sighting for h, f in findings.items() if f != before.get(h)}
        _state, decision = decide(state, Sample("cluster", news, at), at)
        took.append(time.process_time() - begun)
        assert [v.subject for v in decision.verdicts if v.ruling is Ruling.SUSPECTED] == ["host:compute0500"]
    worst = max(took)
    size = (len(lost[0]) + len(lost[1])) / 1e6
    return Row(
        f"CIB with {REMOTES} remotes ({size:.1f} MB): parse to verdict, CPU time",
        "<= 150 ms",
        f"median {statistics.median(took) * 1e3:.0f} ms, worst {worst * 1e3:.0f} ms",
        worst <= 0.150,
    )


# -- the real cluster ----------------------------------------------------------------------------------


@contextlib.contextmanager
def cluster() -> Iterator[Rig]:
    """Three members and a remote."""
    with tempfile.TemporaryDirectory(prefix="mm-bench-", ignore_cleanup_errors=True) as folder:
        rig = Rig(Path(folder), remote_tree())
        try:
            rig.start()
            yield rig
        finally:
            rig.stop()


def lines(path: Path) -> list[Any]:
    """The JSON lines that were written so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def suspicion(rig: Rig) -> list[Row]:
    """Corosync's word, and a remote's death, to SUSPECT; seen by the driver alone on n1."""
    member, remote = [], []
    with World(rig, rig.base).closing() as world:
        for turn in range(TIMES):
            begun, at, departures = suspect(world, "n2", turn)
            member.append(at - next(told for told in departures if told > begun))
            begun, at, _departures = suspect(world, "r1", turn)
            remote.append(at - begun)
    return [
        timed("corosync declares a member lost -> SUSPECT", member, 0.3),
        timed("remote node killed -> SUSPECT (bar: after Pacemaker knows)", remote, 0.5),
    ]


def suspect(world: World, host: str, turn: int) -> tuple[float, float, list[float]]:
    """Cut a host's power with fencing held: when, when n1's driver called it down, and corosync's words."""
    rig = world.rig
    rig.heal(alerts=True)
    world.install_alerts()
    seen, told = rig.base / f"{host}.{turn}.seen", rig.base / f"{host}.{turn}.departures"
    python = ["env", f"PYTHONPATH={REPO}", sys.executable, "-m"]
    module = "tests.integration.pacemaker"
    programs = [
        rig["n1"].spawn(*python, f"{module}.observer", str(seen), "n1", log=rig.base / "observer.log"),
        rig["n1"].spawn(*python, f"{module}.probe", str(told), log=rig.base / "probe.log"),
    ]

    def down() -> float | None:
        for fact in lines(seen):
            if (fact.get("hosts") or {}).get(host, {}).get("value") == "down":
                return float(fact["at"])
        return None

    try:
        until(lambda: any(fact["is"] == "Sample" for fact in lines(seen)), "the driver sees all")
        rig.strip.hold()
        begun = time.monotonic()
        rig[host].power_cut()
        at = until(down, lambda: f"{host} suspect; the last lines are {lines(seen)[-4:]}")
    finally:
        for program in programs:
            end_inside(program)
    return begun, float(at or 0), [float(line) for line in told.read_text().splitlines()]


def timed(figure: str, seconds: list[float], bar: float) -> Row:
    """A row whose worst case must reach the bar."""
    worst = max(seconds)
    shown = f"median {statistics.median(seconds):.2f} s, worst {worst:.2f} s of {len(seconds)}"
    return Row(figure, f"<= {bar} s", shown, worst <= bar)


def reports(rig: Rig) -> list[Row]:
    """Fencing success to an accepted report with default options, and what an idle monitor costs."""
    took: list[float] = []
    rows: list[Row] = []
    for _ in range(TIMES):
        rig.heal()
        folder = Path(tempfile.mkdtemp(dir=rig.base))
        with World(rig, folder).closing() as world:
            world.install_alerts()
            world.watch(*MEMBERS)
            first = not rows
            if first:
                rows = cost(world.monitors["n1"].pid, "before the first alert", POLLING)
            rig["n2"].power_cut()
            world.wait_reports(("n2", "STOPPED", "NORMAL"))
            offset = time.time() - time.monotonic()  # noqa: TID251 - the API stamps with the wall clock
            accepted = datetime.datetime.fromisoformat((world.api.reports() or [])[0].accepted_at)
            if accepted.tzinfo is None:
                accepted = accepted.replace(tzinfo=datetime.UTC)
            took.append(accepted.timestamp() - offset - rig.strip.fenced[0].at)
            if first:
                rig.heal(alerts=True)
                world.start("n2")
                world.wait_seeing()
                rows += cost(world.monitors["n1"].pid, "once alerts are heard", IDLE)[1:]
    return [timed("fencing success -> report accepted, default options", took, 0.5), *rows]


def cost(pid: int, when: str, bar: float) -> list[Row]:
    """RSS and CPU (at most `bar` per cent of a core) of an idle monitor, the commands that it runs included."""
    ticks = os.sysconf("SC_CLK_TCK")

    def used() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15]) / ticks

    time.sleep(WARM_UP)
    before, begun = used(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    share = 100 * (used() - before) / (time.monotonic() - begun)
    status = Path(f"/proc/{pid}/status").read_text()
    rss = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    return [
        Row("host monitor on pacemaker, RSS", "<= 50 MB", f"{rss:.1f} MB", rss <= 50),
        Row(f"idle CPU {when}, its commands included", f"<= {bar} %", f"{share:.2f} %", share <= bar),
    ]
