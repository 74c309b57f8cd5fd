"""What local users choose of their own processes: command lines, titles, names of files."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.printable import printable
from masakarimonitors.processmonitor.core.recognition.matching import mentions
from masakarimonitors.processmonitor.sources import stat
from tests.fuzz.driver import fuzzed, read_or_refused
from tests.fuzz.shapes import any_text

NAMES = st.one_of(
    st.binary(max_size=15), st.sampled_from([b") S 1 1", b"(", b"))))", b"\n", b"\xff", b"a b", b""])
)


@fuzzed()
@given(name=NAMES, started=st.integers(0, 2**63 - 1), marks=st.tuples(*[st.integers(0, 2**64 - 1)] * 3))
def test_no_name_of_a_process_hides_its_numbers(
    tmp_path_factory: object, name: bytes, started: int, marks: tuple[int, int, int]
) -> None:
    folder = Path(tmp_path_factory.mktemp("proc"))  # type: ignore[attr-defined]
    (folder / "7").mkdir()
    numbers = " ".join(map(str, [3, 7, 9, *[0] * 13, 4, 0, started, 0, 0, 0, *marks, 0, 0, 0]))
    (folder / "7" / "stat").write_bytes(b"7 (" + name + b") S " + numbers.encode() + b"\n")
    seen = read_or_refused(lambda: stat.read_stat(7, str(folder)))
    assert seen is not None and (seen.parent, seen.session, seen.threads, seen.started) == (3, 9, 4, started)


@fuzzed()
@given(raw=st.one_of(st.binary(max_size=5000), st.lists(NAMES, max_size=5).map(b"\0".join)))
def test_any_command_line(raw: bytes) -> None:
    assert read_or_refused(lambda: stat.is_rewritten(raw)) in (True, False)


@fuzzed()
@given(name=any_text, line=any_text, whole=st.booleans())
def test_any_text_in_any_command_line(name: str, line: str, whole: bool) -> None:
    read_or_refused(lambda: mentions(name, f"{line} {name} {line}", whole))
    assert printable(f"{name}{line}").isprintable()
