"""What the image is made of, read line by line: no engine is needed, and nothing is built."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from masakarimonitors.cmd.masakari_monitors import parse
from masakarimonitors.conf import loader

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PAGE = (ROOT / "docs" / "deploying" / "containers.rst").read_text()


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its text, lines joined."""
    text = "\n".join(
        line for line in (ROOT / "Containerfile").read_text().splitlines() if not line.startswith("#")
    )
    joined = text.replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined if line)]


def of(kind: str) -> list[str]:
    return [rest.strip() for word, rest in instructions() if word == kind]


def last_stage(kind: str) -> list[str]:
    words = [word for word, _ in instructions()]
    begin = len(words) - 1 - words[::-1].index("FROM")
    return [rest.strip() for word, rest in instructions()[begin:] if word == kind]


def test_both_stages_stand_on_one_slim_base_whose_python_is_the_one_that_is_run() -> None:
    (base,) = of("ARG")
    assert re.fullmatch(r"BASE=\S+:\d+-slim", base)
    assert of("FROM") == ["${BASE} AS build", "${BASE}"]


def test_nothing_is_compiled_and_nothing_of_the_build_is_left() -> None:
    installed = {word for run in of("RUN") if "apt-get" in run for word in run.split()}
    assert not installed & {"gcc", "libvirt-dev", "python3-dev", "build-essential"}
    for run in (run for run in of("RUN") if "apt-get install" in run):
        assert "--no-install-recommends" in run and run.endswith("rm -rf /var/lib/apt/lists/*")
    for run in last_stage("RUN"):
        assert not {"pip", "python3-venv"} & set(run.split())


@pytest.mark.parametrize("run", [*of("RUN"), *(text.split(" CMD ")[1] for text in of("HEALTHCHECK"))])
def test_each_line_is_one_that_a_shell_understands(run: str) -> None:
    subprocess.run(["sh", "-n", "-c", run], check=True, timeout=60)


def test_what_is_copied_is_there_and_is_all_that_an_installation_needs() -> None:
    copied = {word for text in of("COPY") if "--from" not in text for word in text.split()[:-1]}
    assert [name for name in copied if not (ROOT / name).exists()] == []
    tools = PROJECT["tool"]["setuptools"]
    needed = {path.split("/")[0] for paths in tools["data-files"].values() for path in paths}
    needed |= {tools["packages"]["find"]["include"][0].rstrip("*"), *PROJECT["project"]["license-files"]}
    assert needed | {PROJECT["project"]["readme"], "pyproject.toml", "constraints.lock"} <= copied


def test_it_runs_as_nobody_s_root_with_folders_of_its_own() -> None:
    (user,) = last_stage("USER")
    uid, _, gid = user.partition(":")
    (made,) = (run for run in last_stage("RUN") if "useradd" in run)
    assert int(uid) and f"--uid {uid}" in made and f"--gid {gid}" in made
    assert f"uid {uid}" in PAGE
    (volume,) = last_stage("VOLUME")
    for folder in (volume, "/run/masakarimonitors", str(Path(socket_of_alerts()).parent)):
        assert re.search(rf"install -d -o masakari -g masakari .*{folder}\b", made)
    words = [word for word, _ in instructions()]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in ("RUN", "COPY"))


def socket_of_alerts() -> str:
    loaded = loader.load([], default_config_files=[], default_config_dirs=[])
    return str(loaded.host.pacemaker_alert_socket)


def test_what_is_run_and_what_tells_its_health_are_commands_of_the_project() -> None:
    (command,) = last_stage("CMD")
    program, *words = json.loads(command)
    assert program in PROJECT["project"]["scripts"] and parse(words)[0].command == "run"
    (health,) = last_stage("HEALTHCHECK")
    program, *words = health.split(" CMD ")[1].partition(" >")[0].split()
    assert program in PROJECT["project"]["scripts"] and parse(words)[0].command == "status"
    # An engine knows 0 and 1 alone, and `status` has more to say.
    assert health.endswith("|| exit 1")
    assert last_stage("STOPSIGNAL") == ["SIGTERM"]
