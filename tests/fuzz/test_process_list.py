"""process_list.yaml, and the loader that all of the operator's YAML files share."""

import asyncio

import pytest
from hypothesis import given

from masakarimonitors.processmonitor.core.observation import ListBroken, ListRead, Observation
from masakarimonitors.processmonitor.sources.process_list import ProcessList, parse
from masakarimonitors.system.files.yaml_file import YamlFileFault
from tests.fixtures.fake_clock import FakeClock
from tests.fuzz.driver import ENDURABLE, MOST, fuzzed, memory_of, read_or_refused
from tests.fuzz.shapes import DEEP, YAML_TOKENS, bent_text, nested, yaml_bombs

SAMPLES = (
    "- process_name: /usr/sbin/libvirtd\n  start_command: systemctl start libvirtd\n  run_as_root: True\n",
    "-\n    process_name: nova-compute\n    user: nova\n    restart_command: sh -c \"a 'b c'\"\n"
    "    pre_start_command:\n-\n    process_name: /usr/bin/python3 /usr/bin/ovs\n",
    "- &base {run_as_root: yes, start_command: service x start}\n- <<: *base\n  process_name: p\n",
    "[]\n",
)
LARGE = {
    "items": "- a: b\n" * (MOST // 7),
    "one word": "- process_name: " + "x" * (MOST - 20),
    "keys": "- {" + "a: b, " * (MOST // 6 - 2) + "}",
    "lines that end nowhere": "- 'x\n" * (MOST // 5),
    "anchors": "".join(f"- &a{n} x\n" for n in range(MOST // 14)),
}


@fuzzed()
@given(text=bent_text(SAMPLES, YAML_TOKENS))
def test_any_list_is_read_or_refused(text: str) -> None:
    for entry in read_or_refused(lambda: parse(text, "list"), YamlFileFault) or ():
        assert entry.process_name and "\0" not in entry.process_name
        assert entry.process_name.isprintable() or entry.process_name.encode()


@pytest.mark.parametrize("what", yaml_bombs())
def test_what_is_small_as_text_stays_small(what: str) -> None:
    text = yaml_bombs()[what]

    def read() -> None:
        with pytest.raises(YamlFileFault) as refusal:
            parse(text, "list")
        assert len(str(refusal.value)) < 256_000

    assert memory_of(lambda: read_or_refused(read)) < ENDURABLE


@pytest.mark.parametrize("depth", DEEP)
@pytest.mark.parametrize("marks", ["[]", "{}", "- ", "? "])
def test_nesting(depth: int, marks: str) -> None:
    closing = "" if marks.endswith(" ") else marks[1]
    opening = marks if marks.endswith(" ") else marks[0]
    text = nested(opening, "x", closing, depth)[:MOST]
    assert not read_or_refused(lambda: parse(text, "list"), YamlFileFault)


@pytest.mark.parametrize("what", LARGE)
def test_what_is_large_is_answered_in_few_words(what: str) -> None:
    def read() -> None:
        try:
            parse(LARGE[what], "list")
        except YamlFileFault as refusal:
            assert len(str(refusal)) < 256_000

    read_or_refused(read)


@fuzzed(4)
@given(text=bent_text(SAMPLES, YAML_TOKENS))
def test_a_broken_list_leaves_the_last_good_one(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """What the source says after the first list is another list that `parse` takes as well, or that it is broken."""
    path = tmp_path_factory.mktemp("list") / "process_list.yaml"
    path.write_text(SAMPLES[0])
    raw = text.encode("utf-8", "surrogatepass")

    async def play() -> list[Observation]:
        told: asyncio.Queue[Observation] = asyncio.Queue()
        source = ProcessList(str(path), FakeClock())
        running = asyncio.get_running_loop().create_task(source.run(told.put_nowait))
        first = await told.get()
        path.write_bytes(raw)
        # Whatever the file says now, it is answered.
        source.reload()
        second = await told.get()
        running.cancel()
        await asyncio.wait([running])
        return [first, second]

    told = read_or_refused(lambda: asyncio.run(play()))
    assert told is not None and isinstance(told[0], ListRead)
    if isinstance(told[1], ListRead):
        assert told[1].entries == parse(raw.decode("utf-8-sig"), str(path))
    else:
        assert isinstance(told[1], ListBroken) and told[1].why
    assert path.read_bytes() == raw, "an operator's file is never written"
