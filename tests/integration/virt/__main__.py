"""`python -m tests.integration.virt [SEED [OPERATIONS [INSTANCES]]]`: random operations with deaths between, for long.

Says what was done, and exits 1 when anything else was reported than each death once. Without a SEED, a new one,
which is printed first; the default are 10,000 operations on 20 instances.
"""

import secrets
import sys
import tempfile
from pathlib import Path

from tests.fixtures.keeper import keep
from tests.integration.virt.churn import Tally, churn
from tests.integration.virt.realm import opened
from tests.integration.virt.watching import watching


def main(seed: str = "", operations: str = "10000", instances: str = "20") -> int:
    """One run."""
    seed = seed or secrets.token_hex(4)
    print(f"seed {seed}, {operations} operations on {instances} instances", flush=True)
    with (
        opened() as realm,
        tempfile.TemporaryDirectory() as folder,
        watching(realm, Path(folder), report="actionable", resync_interval=5) as watch,
    ):
        tally = churn(
            realm,
            watch,
            seed=seed,
            operations=int(operations),
            instances=int(instances),
            restarts=20,
            so_far=_say,
        )
    print(f"{sum(tally.deaths.values())} deaths among {dict(tally.done)}")
    for name, wrong in tally.wrong.items():
        print(f"WRONG {name}: {wrong}")
    return 1 if tally.wrong else 0


def _say(tally: Tally) -> None:
    """A run takes hours: what is wrong is told before it ends."""
    done, deaths = sum(tally.done.values()), sum(tally.deaths.values())
    failed = tally.done["start that failed"]
    print(
        f"{done} operations, {deaths} deaths, {failed} starts that failed, wrong so far: {tally.wrong or 'nothing'}",
        flush=True,
    )


if __name__ == "__main__":
    keep()
    sys.exit(main(*sys.argv[1:]))
