"""Descriptors: as many as allowed for this process, and the usual limit for those that it starts."""

import subprocess
import sys
from pathlib import Path

import masakarimonitors

CODE = """
import resource, subprocess, sys
from masakarimonitors.system.processes import limits
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
print(limits.raise_descriptors() == hard, resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard)
child = subprocess.Popen(["sleep", "600"])
limits.restore_for(child.pid)
print(resource.prlimit(child.pid, resource.RLIMIT_NOFILE)[0])
child.kill()
limits.restore_for(2**22 + 1)
print(limits.raise_descriptors() == hard)
"""


def test_the_limit_is_raised_for_us_and_not_for_what_we_start() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(masakarimonitors.__file__).parents[1],
    )
    assert done.stdout.splitlines() == ["True True", "256", "True"]
