"""A member that is gone and was fenced, as one look at the cluster shows it."""

import datetime

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Expected, Fencing, NodeState
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import Glance

WALL = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
NOW = Instant(1000.0, WALL)
GONE = NodeState(
    id="2",
    name="n2",
    remote=False,
    in_ccm=False,
    controller=False,
    expected=Expected.DOWN,
    erased=True,
    fenced_at=0,
    goodbye=False,
)
FENCING = Fencing(succeeded=True, key="off/2026-11-22", by="n1", reboot=False, completed=WALL)
IN_HISTORY = Glance(node=GONE, seen=None, fencing=FENCING, stonith=True)
