"""Whatever a file says, it is either read or refused in words; and every fault names its line."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masakarimonitors import conf
from masakarimonitors.conf import ConfigFault, opts, unknown

NAMES = [(s.name, str(o.dest)) for s in opts.SECTIONS for o in s.options]
# What changes where logs go or asks for plugins is left out; everything else may hold anything.
TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)
VALUES = st.one_of(
    TEXT,
    st.integers().map(str),
    st.sampled_from(["", "true", "off", "-1", "0", "1e3", "$x", "$$", "%", '"', "''"]),
)
WORDS = st.text(string.ascii_letters + "_-", min_size=1, max_size=12)


@st.composite
def files(draw: st.DrawFn) -> str:
    lines = []
    for _ in range(draw(st.integers(0, 6))):
        section, name = draw(st.one_of(st.sampled_from(NAMES), st.tuples(WORDS, WORDS)))
        lines += [f"[{section}]", f"{name} = {draw(VALUES)}"]
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(["", "# a comment", "    more of it"])))
    if draw(st.integers(0, 9)) == 0:
        lines.append(draw(TEXT))
    return "\n".join(lines) + "\n"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=files())
def test_any_file_is_read_or_refused_in_words(tmp_path: Path, text: str) -> None:
    file = tmp_path / "any.conf"
    file.write_text(text, encoding="utf-8")
    try:
        loaded = conf.load(["--config-file", str(file)], default_config_dirs=[])
    except ConfigFault as fault:
        for line in str(fault).split("\n"):
            named = re.search(rf"{re.escape(str(file))}(?:, line |:)(\d+)", line)
            assert named or "is missing" in line or "not UTF-8" in line, line
            if named:
                assert 1 <= int(named[1]) <= text.count("\n") + 1
        return
    for remark in unknown.remarks(loaded):
        assert 1 <= remark.line <= text.count("\n") + 1


def test_a_null_byte_is_no_surprise(tmp_path: Path) -> None:
    file = tmp_path / "any.conf"
    file.write_bytes(b"[process]\ncheck_interval = \0\n")
    with pytest.raises(ConfigFault, match="check_interval"):
        conf.load(["--config-file", str(file)])
