"""python -m tests.integration.pacemaker.probe OUTPUT: when Corosync itself told that a member was lost.

Writes one time.monotonic second per departure; the yardstick of benchmarks/pacemaker.py.
"""

import select
import sys
import time

from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import Quorum

if __name__ == "__main__":
    quorum = Quorum()
    members: frozenset[int] = frozenset()
    with open(sys.argv[1], "a", buffering=1) as out:
        while True:
            select.select([quorum.fd], [], [])
            at = time.monotonic()
            quorum.dispatch()
            if members - quorum.members:
                print(at, file=out)
            members = quorum.members
