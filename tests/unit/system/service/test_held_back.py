"""Modules that are held back: empty until they are used, and then as whole as any."""

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from masakarimonitors.system.service import held_back

RAN: list[str] = []
"""What the modules below say as their code runs."""

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a package of this name, whose code says "ran" before `code`, and holds it back."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(held_back, "MODULES", {})
    monkeypatch.setattr(held_back, "_ELSEWHERE", {})
    monkeypatch.syspath_prepend(tmp_path)
    RAN.clear()

    def write(name: str, code: str = "", **modules: str) -> None:
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text(
            f"import {__name__} as test\ntest.RAN.append({name!r})\n{code}\n"
        )
        for module, text in modules.items():
            (package / f"{module}.py").write_text(text)
        importlib.invalidate_caches()
        held_back.MODULES[name] = "a test"

    held_back.hold_back()
    before = set(sys.modules)
    yield write
    for name in set(sys.modules) - before:
        if name.partition(".")[0].startswith("heldback_"):
            del sys.modules[name]


def test_its_code_runs_at_the_first_use_and_once(write: Write) -> None:
    write("heldback_a", "value = 1")
    module = importlib.import_module("heldback_a")
    assert (RAN, held_back.is_loaded("heldback_a")) == ([], False)
    assert module.__name__ == "heldback_a" and module.__file__ and module.__path__
    assert RAN == []
    assert module.value == 1
    assert (RAN, held_back.is_loaded("heldback_a")) == (["heldback_a"], True)
    setattr(module, "value", 2)  # noqa: B010 - a module has no attributes that mypy knows
    assert importlib.import_module("heldback_a").value == 2
    assert RAN == ["heldback_a"]


def test_what_is_not_in_it_is_missing_as_in_any_module(write: Write) -> None:
    write("heldback_b")
    module = importlib.import_module("heldback_b")
    with pytest.raises(AttributeError, match="heldback_b"):
        _ = module.nothing
    with pytest.raises(ImportError):
        exec("from heldback_b import nothing")


def test_its_parts_can_be_imported_before_and_after(write: Write) -> None:
    write(
        "heldback_c",
        "from heldback_c.part import value\nfrom . import other",
        part="value = 3",
        other="value = 4",
    )
    module = importlib.import_module("heldback_c")
    assert importlib.import_module("heldback_c.part").value == 3
    assert RAN == []
    assert (module.value, module.other.value) == (3, 4)


def test_what_it_asks_of_itself_while_it_is_loaded_is_what_is_there_so_far(write: Write) -> None:
    write("heldback_d", "import heldback_d as me\nearly = hasattr(me, 'late')\nlate = 1")
    module = importlib.import_module("heldback_d")
    assert (module.late, module.early) == (1, False)


def test_one_that_cannot_be_loaded_says_why_and_is_tried_again(write: Write) -> None:
    write("heldback_e", "if len(test.RAN) == 1: raise OSError('the disk is away')\nvalue = 5")
    module = importlib.import_module("heldback_e")
    with pytest.raises(OSError, match="the disk is away"):
        _ = module.value
    assert not held_back.is_loaded("heldback_e")
    assert module.value == 5


def test_threads_that_use_it_at_the_same_time_find_it_whole(write: Write) -> None:
    write("heldback_f", "test.GO.wait()\nvalue = 6")
    module = importlib.import_module("heldback_f")
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(module.value)) for _ in range(4)]
    for thread in threads:
        thread.start()
    GO.set()
    for thread in threads:
        thread.join()
    assert (found, RAN) == ([6] * 4, ["heldback_f"])


GO = threading.Event()


def test_what_will_be_needed_can_be_loaded_before(write: Write) -> None:
    write("heldback_j", "value = 8")
    for _ in range(2):
        held_back.load("heldback_j")
    assert (RAN, held_back.is_loaded("heldback_j")) == (["heldback_j"], True)


def test_a_version_that_is_asked_for_at_once_loads_nothing(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("heldback_g", "__version__ = 'of the whole'", version="__version__ = '1.2.3'")
    monkeypatch.setitem(held_back._ELSEWHERE, ("heldback_g", "__version__"), "heldback_g.version")
    module = importlib.import_module("heldback_g")
    assert (module.__version__, RAN) == ("1.2.3", [])


def test_a_version_that_nobody_tells_is_its_own(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("heldback_h", "__version__ = 'of the whole'")
    monkeypatch.setitem(held_back._ELSEWHERE, ("heldback_h", "__version__"), "heldback_h.version")
    assert importlib.import_module("heldback_h").__version__ == "of the whole"


def test_one_that_is_not_installed_cannot_be_imported(write: Write) -> None:
    held_back.MODULES["heldback_nowhere"] = "a test"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("heldback_nowhere")
    assert not held_back.is_loaded("heldback_nowhere")


def test_others_are_imported_as_ever_and_a_second_call_adds_nothing(write: Write) -> None:
    write("heldback_i", "value = 7")
    del held_back.MODULES["heldback_i"]
    finders = list(sys.meta_path)
    held_back.hold_back()
    assert sys.meta_path == finders
    importlib.import_module("heldback_i")
    assert RAN == ["heldback_i"] and held_back.is_loaded("heldback_i")


def test_the_real_list_is_told_with_its_reasons() -> None:
    assert all(held_back.MODULES.values())
    assert {module for module, _ in held_back._ELSEWHERE} <= held_back.MODULES.keys()
