"""A test that fails has failed: nothing here runs it again until it passes."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_PLUGIN = re.compile(r"\b(pytest[-_])?(rerunfailures|flaky|retry|rerun[-_\w]*)\b", re.IGNORECASE)
"""Each pytest plugin that gives second tries bears one of these names; so do its marker and its options."""

_IN_TESTS = re.compile(
    r"mark\.(flaky|rerun\w*|retry)\b|\breruns(_delay)?\s*=|--reruns\b|pytest_runtest_protocol"
)


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.lock"])
def test_no_plugin_for_it_is_asked_for(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if "pytest" in line]
    assert lines, "pytest is named here, or this test looks in the wrong place"
    assert [line for line in lines if _PLUGIN.search(line)] == []


def test_no_test_asks_for_it() -> None:
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tools").glob("*.sh"), ROOT / "Makefile"]
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in files
        if file != Path(__file__)
        for line in file.read_text().splitlines()
        if _IN_TESTS.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        '    "pytest-rerunfailures>=15.0",',
        "pytest-retry==1.7.0",
        'addopts = "-ra -p rerunfailures" # pytest',
    ],
)
def test_a_plugin_would_be_noticed(line: str) -> None:
    assert _PLUGIN.search(line)


@pytest.mark.parametrize(
    "line", ["item.add_marker(pytest.mark.flaky(reruns=1))", "pytest --reruns 2", "@pytest.mark.flaky"]
)
def test_a_marker_would_be_noticed(line: str) -> None:
    assert _IN_TESTS.search(line)
