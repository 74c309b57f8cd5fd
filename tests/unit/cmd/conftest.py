"""A configuration of its own for each test of a command, and the command as the umbrella calls it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from masakarimonitors.cmd.masakari_monitors import parse

Run = Callable[..., int]
Configure = Callable[..., Path]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Writes the configuration, with these lines of [api] and `more` at its end; the file."""

    def write(more: str = "", api: str = "auth_type = none\n") -> Path:
        (tmp_path / "state").mkdir(exist_ok=True)
        (tmp_path / "list.yaml").write_text(f"- process_name: {tmp_path}/never\n")
        file = tmp_path / "monitors.conf"
        file.write_text(
            f"[DEFAULT]\nhostname = compute-1\nstate_path = {tmp_path}/state\nlog_file = {tmp_path}/log\n"
            f"[process]\nprocess_list_path = {tmp_path}/list.yaml\nown_pid_namespace = true\nrestart_grace = 0\n"
            f"[api]\n{api}{more}"
        )
        return file

    return write


@pytest.fixture
def run(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a subcommand with that configuration; its exit code."""
    monkeypatch.setenv("COLUMNS", "250")
    configure()

    def call(*argv: str) -> int:
        words = [*argv, "--config-file", str(tmp_path / "monitors.conf")]
        arguments, rest = parse(words)
        code: int = arguments.run(arguments, rest)
        return code

    return call
