"""The set-up scripts tell the truth by their exit codes, and touch nothing when there is nothing to do."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fixtures.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with the tools, and with none of the areas' set-ups."""
    (tmp_path / "tools").mkdir()
    for name in ("prepare-tests.sh", "make-venv.sh", "test.sh"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    for name in ("pyproject.toml", "constraints.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def run(
    project: Path, tool: str, *argv: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [project / "tools" / tool, *argv],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "MASAKARI_MONITORS_CACHE": str(project / "cache"), **(environ or {})},
        check=False,
    )


def test_every_set_up_runs_and_its_words_carry_its_name(project: Path) -> None:
    script(project / "tools/setup-a.sh", 'echo ready; touch "$MASAKARI_MONITORS_CACHE/a"')
    script(project / "tools/setup-b.sh", "echo also ready")
    ran = run(project, "prepare-tests.sh")
    assert ran.returncode == 0
    assert set(ran.stdout.splitlines()) == {"setup-a: ready", "setup-b: also ready"}
    assert (project / "cache/a").exists()


def test_a_set_up_that_cannot_work_here_is_told_and_is_no_failure(project: Path) -> None:
    script(project / "tools/setup-a.sh", "echo not root >&2; exit 3")
    ran = run(project, "prepare-tests.sh")
    assert ran.returncode == 0
    assert "setup-a: not root" in ran.stdout and "its tests will be skipped" in ran.stdout


def test_a_set_up_that_fails_fails_the_run_but_not_the_others(project: Path) -> None:
    script(project / "tools/setup-a.sh", "exit 7")
    script(project / "tools/setup-b.sh", "echo ready")
    ran = run(project, "prepare-tests.sh")
    assert ran.returncode != 0
    assert "setup-a: FAILED with exit code 7" in ran.stderr and "setup-b: ready" in ran.stdout


def test_without_any_set_up_there_is_nothing_to_do(project: Path) -> None:
    assert run(project, "prepare-tests.sh").returncode == 0


@pytest.mark.parametrize("code", [0, 1, 5])
def test_the_test_run_ends_with_the_words_and_the_code_of_pytest(project: Path, code: int) -> None:
    script(project / ".venv/bin/pytest", f'echo "3 passed: $*"; exit {code}')
    ran = run(project, "test.sh", "-n", "4")
    assert ran.returncode == code
    assert ran.stdout.splitlines()[-1] == "3 passed: --max-worker-restart=0 -n 4"


def test_a_failed_set_up_spoils_the_test_run(project: Path) -> None:
    script(project / "tools/setup-a.sh", "exit 1")
    script(project / ".venv/bin/pytest", "exit 0")
    assert run(project, "test.sh").returncode == 1


def test_a_python_that_is_too_old_or_too_new_is_refused_with_a_way_out(project: Path) -> None:
    script(project / "python", "echo 3.14")
    ran = run(project, "make-venv.sh", environ={"PYTHON": str(project / "python")})
    assert ran.returncode == 3
    assert "is Python 3.14, but 3.11, 3.12 or 3.13 is needed" in ran.stderr and "make PYTHON=" in ran.stderr
    assert not (project / ".venv").exists()


def test_a_missing_python_is_named(project: Path) -> None:
    ran = run(project, "make-venv.sh", environ={"PYTHON": "no-such-python"})
    assert ran.returncode == 3 and "there is no no-such-python here" in ran.stderr


def test_without_the_right_to_install_what_is_missing_is_listed(project: Path) -> None:
    script(project / "python", 'case "$*" in *version_info*) echo 3.11;; *) exit 1;; esac')
    script(
        project / "tools/ensure-packages.sh", 'echo "apt-get install --no-install-recommends $*" >&2; exit 3'
    )
    ran = run(project, "make-venv.sh", environ={"PYTHON": str(project / "python")})
    assert ran.returncode == 3
    assert "apt-get install --no-install-recommends python3.11-venv python3-venv" in ran.stderr
    assert not (project / ".venv").exists()


def test_a_set_up_that_is_done_returns_at_once(project: Path) -> None:
    # A Python that can tell its version and nothing else: whoever made anything with it would fail.
    script(project / "python", 'case "$*" in *version_info*) echo 3.11;; *) exit 1;; esac')
    script(project / "tools/ensure-packages.sh", "exit 1")
    key = "cat pyproject.toml constraints.lock tools/make-venv.sh | sha256sum | cut -d' ' -f1"
    stamp = subprocess.run(
        key, shell=True, cwd=project, capture_output=True, text=True, check=True
    ).stdout.strip()
    (project / ".venv").mkdir()
    (project / ".venv/.stamp").write_text(f"3.11 {stamp} {project.resolve()}\n")
    assert run(project, "make-venv.sh", environ={"PYTHON": str(project / "python")}).returncode == 0
    (project / "constraints.lock").write_text("changed\n")
    assert run(project, "make-venv.sh", environ={"PYTHON": str(project / "python")}).returncode != 0
