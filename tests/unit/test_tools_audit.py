"""`make audit` never passes in silence: what was not checked is said so."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
LOCKED = len(
    [line for line in (ROOT / "constraints.lock").read_text().splitlines() if line and line[0] != "#"]
)


def audit(folder: Path, answer: Any, code: int = 0) -> subprocess.CompletedProcess[str]:
    """With a pip-audit that writes this answer, or nothing for None."""
    tool = folder / "pip-audit"
    kept = folder / "answer.json"
    kept.write_text("" if answer is None else json.dumps(answer))
    copy = 'while [ "$1" != --output ]; do shift; done; cp "$0.json" "$2"'
    tool.write_text(f"#!/bin/sh\n{copy if answer is not None else 'echo no route to it >&2'}\nexit {code}\n")
    kept.rename(f"{tool}.json")
    tool.chmod(0o755)
    environment = {**os.environ, "PIP_AUDIT": str(tool)}
    return subprocess.run(
        [ROOT / "tools" / "audit.sh"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def listed(number: int, **more: Any) -> list[dict[str, Any]]:
    return [{"name": f"p{n}", "version": "1", "vulns": [], **more} for n in range(number)]


def test_a_source_that_cannot_be_asked_is_no_pass_and_no_failure(tmp_path: Path) -> None:
    ran = audit(tmp_path, None, 1)
    assert ran.returncode == 0 and "NOT CHECKED" in ran.stdout and "no route to it" in ran.stdout


def test_a_source_that_knows_none_of_them_has_checked_nothing(tmp_path: Path) -> None:
    skipped = [{"name": f"p{n}", "skip_reason": "not found"} for n in range(LOCKED)]
    ran = audit(tmp_path, {"dependencies": skipped})
    assert ran.returncode == 0 and f"NOT CHECKED: {LOCKED} of {LOCKED} versions" in ran.stdout
    assert "versions checked" not in ran.stdout


def test_what_was_left_out_is_counted(tmp_path: Path) -> None:
    ran = audit(tmp_path, {"dependencies": listed(LOCKED - 2)})
    assert ran.returncode == 0 and f"not checked: 2 of {LOCKED} versions" in ran.stdout
    assert f"{LOCKED - 2} of {LOCKED} versions checked, 0 known vulnerabilities" in ran.stdout


def test_all_of_them_checked(tmp_path: Path) -> None:
    ran = audit(tmp_path, {"dependencies": listed(LOCKED)})
    assert (
        ran.returncode == 0 and "checked, 0 known" in ran.stdout and "not checked" not in ran.stdout.lower()
    )


@pytest.mark.parametrize("fixed", [["2"], []])
def test_what_is_known_fails(tmp_path: Path, fixed: list[str]) -> None:
    fault = {"id": "GHSA-x", "fix_versions": fixed}
    ran = audit(tmp_path, {"dependencies": [*listed(LOCKED - 1), *listed(1, vulns=[fault])]}, 1)
    assert ran.returncode == 1 and "p0 1: GHSA-x" in ran.stdout and "1 known vulnerabilities" in ran.stdout
