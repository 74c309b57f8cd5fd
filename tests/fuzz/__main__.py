"""`python -m tests.fuzz [MINUTES]`: other inputs in each round, for so long; the first failure ends it.

A round plays EXAMPLES of each property, with a seed that is printed; SEED and EXAMPLES in the environment repeat one.
"""

import os
import secrets
import subprocess
import sys
import time

MINUTES = 10.0
EXAMPLES = 2000


def main() -> int:
    """The exit code: that of the round that failed, else 0."""
    minutes = float((sys.argv[1:] or [""])[0] or MINUTES)
    examples = os.environ.get("EXAMPLES") or str(EXAMPLES)
    fixed = os.environ.get("SEED")
    until = time.monotonic() + 60 * minutes
    number = 0
    while True:
        number += 1
        seed = fixed or str(secrets.randbelow(1 << 32))
        print(f"round {number}: SEED={seed} EXAMPLES={examples}", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:xdist", f"--hypothesis-seed={seed}"]
        environment = {**os.environ, "FUZZ_EXAMPLES": examples}
        try:
            ended = subprocess.run(
                [*command, "--timeout=0", "tests/fuzz"],
                env=environment,
                timeout=None if number == 1 or fixed else max(1.0, until - time.monotonic()),
                check=False,
            )
        except subprocess.TimeoutExpired:
            # A round is longer than what is left of the time; it has found nothing so far.
            print(f"round {number} was not played to its end: the time is up")
            return 0
        except KeyboardInterrupt:
            return 130
        if ended.returncode:
            print(
                f"to repeat it: make fuzz SEED={seed} EXAMPLES={examples}; or the @reproduce_failure line above"
            )
            return ended.returncode
        if fixed or time.monotonic() >= until:
            return 0


if __name__ == "__main__":
    sys.exit(main())
