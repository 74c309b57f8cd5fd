"""`python -m tests.fuzz.guided [--install] [MINUTES]`: the same properties, by inputs that reach new code (atheris).

Each property that needs no fixture has its share of the time, in a process of its own. What drives it is what
hypothesis makes of libFuzzer's bytes. `--install` has pip put atheris into a place of its own, if it can; where
there is none, that is said, and nothing is played.
`python -m tests.fuzz.guided NAME SECONDS|FILE`: one property alone, for so long, or with the bytes of a file that an
earlier failure has left.
"""

import importlib
import importlib.util
import inspect
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PLACE = Path(sys.prefix) / "atheris"
"""Apart from the packages of the environment, which are pinned and looked through."""

MINUTES = 5.0
SHORTEST = 5.0
"""Seconds that a property has at least."""

_KEPT = "fuzz-guided"
_CORPUS = "FUZZ_CORPUS"
_SEEDS = 20


def properties() -> Iterator[str]:
    """`module:function` of each property that bytes alone can drive."""
    for path in sorted(HERE.glob("test_*.py")):
        for name, function in vars(importlib.import_module(f"tests.fuzz.{path.stem}")).items():
            if _target(function) is not None and not getattr(function, "pytestmark", ()):
                yield f"{path.stem}:{name}"


def _target(function: Any) -> Callable[[bytes], object] | None:
    """What drives it by bytes; None for what is no property, is asynchronous, or wants fixtures of pytest."""
    handle = getattr(function, "hypothesis", None)
    if handle is None or inspect.iscoroutinefunction(handle.inner_test):
        return None
    if inspect.signature(function).parameters:
        return None
    target: Callable[[bytes], object] = handle.fuzz_one_input
    return target


def install() -> None:
    """Have pip put atheris into its place; where it cannot, it has said why."""
    if not PLACE.exists():
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--only-binary",
            ":all:",
            "--target",
            str(PLACE),
        ]
        subprocess.run([*pip, "atheris"], check=False)


def play(name: str, how: str) -> None:
    """Play one property; libFuzzer ends this process, with 0 where nothing was found."""
    atheris: Any = importlib.import_module("atheris")
    module, _, function = name.partition(":")
    with atheris.instrument_imports(include=["masakarimonitors"]):
        loaded = importlib.import_module(f"tests.fuzz.{module}")
    target = _target(getattr(loaded, function))
    assert target is not None, f"{name} is no property that bytes alone can drive"
    options = (
        [how] if Path(how).exists() else [f"-max_total_time={int(float(how))}", "-len_control=0", _seeds()]
    )
    kept = Path(os.environ.get("TMPDIR", "/tmp")) / _KEPT
    kept.mkdir(exist_ok=True)
    # How large and how slow an input may make us is tested by the properties themselves.
    limits = [
        "-rss_limit_mb=4096",
        "-timeout=120",
        "-max_len=8192",
        "-print_final_stats=1",
        f"-artifact_prefix={kept}/",
    ]
    atheris.Setup([sys.argv[0], *options, *limits, f"-seed={secrets.randbelow(1 << 31) + 1}"], target)
    atheris.Fuzz()


def _seeds() -> str:
    """A folder with what it begins with: from a few bytes hypothesis makes no example, and nothing would be learnt."""
    folder = Path(os.environ.get(_CORPUS) or tempfile.mkdtemp(prefix=_KEPT))
    for number in range(_SEEDS):
        (folder / str(number)).write_bytes(secrets.token_bytes(4096))
    return str(folder)


def main(minutes: str = "") -> int:
    """Play all; the exit code of the first that failed, else 0."""
    if importlib.util.find_spec("atheris") is None:
        print(
            f"fuzz: there is no atheris for this Python here (python -m pip install --target {PLACE} atheris), so no"
            " input is chosen by the code that it reaches"
        )
        return 0
    names = list(properties())
    share = max(SHORTEST, 60 * float(minutes or MINUTES) / len(names))
    for name in names:
        print(f"guided by coverage, {share:.0f} s: {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix=_KEPT) as corpus:
            done = subprocess.run(
                [sys.executable, "-m", "tests.fuzz.guided", name, str(share)],
                env={**os.environ, _CORPUS: corpus},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        said = done.stdout.decode(errors="replace")
        if done.returncode:
            print(said[-20_000:])
            print(f"to repeat it: python -m tests.fuzz.guided {name} FILE, with the file named above")
            return done.returncode
        found = re.findall(r"cov: (\d+).*?corp: (\d+)", said)
        print(
            f"    reached {found[-1][0]} places by {found[-1][1]} inputs"
            if found
            else "    reached nothing new"
        )
    return 0


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word != "--install"]
    if len(given) < len(sys.argv) - 1:
        install()
    if PLACE.exists():
        sys.path.append(str(PLACE))
    if len(given) > 1:
        play(*given)
    else:
        sys.exit(main(*given))
