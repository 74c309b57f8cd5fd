"""`python -m tests.integration.soak [SEED [MINUTES [SERVICES]]]`: a storm of everything over one real monitor.

Says what was done, and exits 1 when anything else arrived than each outage once. Without a SEED, a new one, which is
printed first; the defaults are 5 minutes and 24 services.
"""

import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

from tests.fixtures.keeper import keep
from tests.integration.soak.storm import Storm


def main(seed: str = "", minutes: str = "5", services: str = "24") -> int:
    """One storm."""
    seed = seed or secrets.token_hex(4)
    print(f"seed {seed}, {minutes} minutes, {services} services", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        storm = Storm(Path(folder), seed, int(services))
        asyncio.run(storm.rage(60 * float(minutes)))
        story = storm.story() if storm.tally.wrong else ""
    tally = storm.tally
    print(f"{len(tally.broken)} outages, {sum(tally.reported.values())} reports; done: {dict(tally.done)}")
    print(story)
    for wrong in tally.wrong:
        print(f"WRONG {wrong}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    keep()
    sys.exit(main(*sys.argv[1:]))
