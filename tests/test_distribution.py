"""What is handed to others is whole: the wheel, the source distribution, and the versions that they ask for."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD = """
import sys
from setuptools import build_meta
folder = sys.argv[1]  # setuptools takes the arguments for its own
build_meta.build_sdist(folder)
build_meta.build_wheel(folder)
"""
NOT_OURS = {".git", ".venv", ".venv.lock", "build", "dist", "_build", "__pycache__"}


def ours() -> Iterator[Path]:
    """Every file of the project; asked of git, or, where it is not under git, of the folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if listed.returncode == 0:
        yield from (Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())
        return
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT)
        if path.is_file() and not NOT_OURS & set(inside.parts) and not inside.parts[0].startswith("."):
            yield inside


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both, built from a copy: a build leaves files among the sources."""
    folder = tmp_path_factory.mktemp("dist")
    for path in ours():
        (folder / "source" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, folder / "source" / path, follow_symlinks=False)
    subprocess.run(
        [sys.executable, "-c", BUILD, folder],
        cwd=folder / "source",
        check=True,
        capture_output=True,
        text=True,
        timeout=240,
    )
    return folder


def test_the_source_distribution_holds_all_that_there_is(dist: Path) -> None:
    (file,) = dist.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    missing = {str(path) for path in ours()} - held
    assert missing <= {".gitignore", ".ci/run"}


def test_the_wheel_holds_the_package_its_types_and_what_a_service_needs(dist: Path) -> None:
    (file,) = dist.glob("*.whl")
    held = set(zipfile.ZipFile(file).namelist())
    assert {str(path) for path in ours() if path.parts[0] == "masakarimonitors"} <= held
    assert "masakarimonitors/py.typed" in held
    assert not [name for name in held if name.startswith(("tests/", "benchmarks/", "docs/"))]
    shared = {name.partition(".data/data/share/masakari-monitors/")[2] for name in held}
    for path in ours():
        if path.parts[0] == "etc" and "quickstart" not in str(path):
            assert str(path) in shared, path


def test_no_python_that_is_to_come_is_refused() -> None:
    assert PROJECT["requires-python"] == ">=3.11"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


@pytest.mark.parametrize("distribution", ["debian-13", "ubuntu-24.04"])
def test_the_versions_that_are_asked_for_are_had_there(distribution: str) -> None:
    """Whoever packages this for a distribution finds all that it needs; tools/floors.sh tests against those bounds."""
    had = dict(
        line.split()
        for line in (ROOT / "tests/data/distributions" / distribution).read_text().splitlines()
        if line and not line.startswith("#")
    )
    extras = PROJECT["optional-dependencies"]
    for wanted in [*PROJECT["dependencies"], *extras["libvirt"], *extras["upgrade"]]:
        found = re.fullmatch(r"([\w.-]+)>=([\d.]+)", wanted)
        assert found, f"{wanted} has no lower bound, or an upper one"
        name, floor = found.groups()
        assert _numbers(floor) <= _numbers(had[name]), f"{distribution} has {name} {had[name]}"
