from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masakarimonitors.introspectiveinstancemonitor.core.checks import Match
from masakarimonitors.introspectiveinstancemonitor.sources.check_file import parse, read
from masakarimonitors.system.files.yaml_file import YamlFileFault

GOOD = """\
checks:
  - name: web-answers
    match:
      name: instance-*
      uuid: [3F2504E0-4F89-41D3-9A0C-0305E82C3301]
      nova: {name: [web-*, www-*], project: shop}
    command: [/usr/bin/curl, -fsS, -m, 5, "http://localhost/"]
    output: ^ok
    exit_code: 0
    interval: 20
    timeout: 7.5
    failures: 2
  - name: db
    match: {name: "*"}
    command: [/bin/true]
"""


def faults(text: str) -> list[str]:
    with pytest.raises(YamlFileFault) as caught:
        parse(text, "checks.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_a_good_file() -> None:
    web, db = parse(GOOD, "checks.yaml")
    assert web.name == "web-answers"
    assert web.match == Match(
        names=("instance-*",),
        uuids=("3f2504e0-4f89-41d3-9a0c-0305e82c3301",),
        nova=(("name", ("web-*", "www-*")), ("project", ("shop",))),
    )
    assert web.command == ("/usr/bin/curl", "-fsS", "-m", "5", "http://localhost/")
    assert web.output == "^ok"
    assert (web.exit_code, web.interval, web.timeout, web.failures) == (0, 20.0, 7.5, 2)
    assert (db.exit_code, db.interval, db.timeout, db.failures, db.output) == (0, 30.0, 10.0, 3, None)


def test_every_fault_is_named_with_line_and_column() -> None:
    text = """\
checks:
  - name: has space
    match: {}
    command: /bin/true
    intervall: 5
  - match: {name: [], uuid: nonsense, nova: {colour: red}}
    name: heartbeat
    command: [no]
    exit_code: 300
    output: "("
    interval: often
    failures: 0
  - {name: twice, match: {name: a}, command: [/bin/a], name: again}
  - {name: x, match: {name: a}, command: [/bin/a]}
  - {name: x, match: {name: a}, command: [/bin/a]}
  - {name: y}
extra: 1
"""
    assert faults(text) == [
        "line 2, column 11: name must be 1-64 of A-Z a-z 0-9 . _ - and not 'heartbeat'",
        'line 3, column 12: match names no guest; name: "*" means every one',
        "line 4, column 14: command must be a list: the program's path in the guest, then its arguments",
        "line 5, column 5: unknown key 'intervall' in a check; known are name, match, command, exit_code, output, "
        "interval, timeout, failures",
        "line 6, column 19: name is empty",
        "line 6, column 29: 'nonsense' is no uuid",
        "line 6, column 45: nova names nothing; known are name, flavor, project, user",
        "line 6, column 46: unknown key 'colour' in nova; known are name, flavor, project, user",
        "line 7, column 11: name must be 1-64 of A-Z a-z 0-9 . _ - and not 'heartbeat'",
        "line 8, column 15: each word of a command must be a text ('no' must be quoted)",
        "line 8, column 15: the program's path is empty",
        "line 9, column 16: exit_code must be a whole number from 0 to 255",
        "line 10, column 13: output is no regular expression: missing ) at position 1",
        "line 11, column 15: interval must be a number from 1 to 86400",
        "line 12, column 15: failures must be a whole number from 1 to 1000",
        "line 13, column 56: name stands twice in a check",
        "line 15, column 5: a second check named x",
        "line 16, column 5: a check has no match",
        "line 16, column 5: a check has no command",
        "line 17, column 1: unknown key 'extra' in the file; known are checks",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1, column 1: the file must be a mapping with checks"),
        ("[]", "line 1, column 1: the file must be a mapping with checks"),
        ("checks: 5", "line 1, column 9: checks must be a list with at least one check"),
        ("checks: []", "line 1, column 9: checks must be a list with at least one check"),
        ("[" * 3000, "line 1, column 1: lists or mappings stand inside of each other, hundreds deep"),
        ("{a: " * 2000, "line 1, column 1: lists or mappings stand inside of each other, hundreds deep"),
        ("a: [\n", "line 2, column 1: this is not YAML"),
        ("a: \x07", "line 1, column 4: a character that YAML forbids"),
        ("checks:\n  - 7\n", "line 2, column 5: a check must be a mapping"),
    ],
)
def test_files_of_another_shape(text: str, fault: str) -> None:
    assert faults(text)[0].startswith(fault)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(YamlFileFault, match="cannot be read"):
        read(str(tmp_path / "none.yaml"))
    (tmp_path / "latin.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(YamlFileFault, match="cannot be read"):
        read(str(tmp_path / "latin.yaml"))
    (tmp_path / "good.yaml").write_text(GOOD)
    assert len(read(str(tmp_path / "good.yaml"))) == 2


@settings(deadline=None)
@given(
    st.text(max_size=200) | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(str)
)
def test_whatever_stands_there_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        parse("checks:\n  - " + text, "f")
    except YamlFileFault as fault:
        assert fault.faults and all(f.line >= 1 and f.column >= 1 for f in fault.faults)


@pytest.mark.parametrize("number", ["٣", "３", "1٣", "٣.٥"])
@pytest.mark.parametrize("key", ["interval", "timeout", "failures", "exit_code"])
def test_digits_of_another_script_are_no_number(key: str, number: str) -> None:
    text = f"checks:\n  - {{name: x, match: {{name: a}}, command: [/bin/a], {key}: {number}}}\n"
    assert f"{key} must be a" in faults(text)[0]
