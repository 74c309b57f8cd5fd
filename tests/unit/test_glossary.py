"""One vocabulary: the words that docs/glossary.rst has replaced come back nowhere, nor do names of tools that are gone.

Looked through is all that people read and run: the package, the documentation, the samples, the tools, the tests
and the benchmarks; not the tests' data, which others or earlier versions wrote, nor this file, which has to
name the words. A word is found inside of a name, too (`MachineSeen`, `on_machine`).
"""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

# A word, and what to say instead.
WORDS = {
    "machine": "instance (what nova knows), guest (the system inside of it) or host (a computer)",
    "machines": "instances, guests or hosts",
    "office": "reporter, leadership or leader election",
    "herald": "leadership feed",
    "roster": "targets",
    "rota": "ping schedule",
    "insight": "driver context",
    "noting": "ingest",
}

# A name in code: words that English needs elsewhere, but that stood for something else here.
NAMES = {
    "Acts": "Effects",
    "Board": "MonitorStatus",
    "Chair": "GroupView",
    "Claim": "Candidate",
    "EVERYONE": "Standing.ALL",
    "everyone": "all reporters, or a recheck of all",
    "house": "conf",
    "known_up": "seen_in_service",
    "LinkState": "MemberRecord",
    "LinkView": "ViewState",
    "mine": "is_leader, is_reporter",
    "OwnLine": "OwnLink",
    "Questions": "Effects",
    "Roll": "Census",
    "Room": "ElectionRecord",
    "Terms": "ElectionTimings",
    "Told": "VerdictRecord",
    "Turn": "Draft",
    "Void": "Inconclusive",
    "Weighed": "StormStep",
}

# What may be said all the same, and why.
ALLOWED = {
    r"state machines?": "the field's own term, of which no part stands for an instance or a host",
    r"\bRuleBasedStateMachine\b": "Hypothesis's name of a state machine",
    r'"machine:': "the key under which instances are remembered on disk since 1.0.0.dev0",
    r"<type arch='\w+' machine=": "libvirt's attribute of the board that QEMU plays",
    r"/etc/machine-id\b": "systemd's file",
    r"\bplatform\.machine\(\)": "the standard library's name of the processor's architecture",
}

# Tools that no file has to be there for, and why.
MADE_UP = {
    "tools/setup-a.sh": "tests/unit/test_tools.py writes it into a folder of its own",
    "tools/setup-b.sh": "as above",
}

_FOLDERS = ("masakarimonitors", "docs", "etc", "packaging", "tools", "tests", "benchmarks")
_FILES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml")
_EXCEPTED = (ROOT / "tests" / "data", Path(__file__))
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def texts() -> Iterator[tuple[str, str]]:
    """Every file that is looked through, with what it says."""
    files = [ROOT / name for name in _FILES]
    for folder in _FOLDERS:
        files += sorted(path for path in (ROOT / folder).rglob("*") if path.is_file())
    for file in files:
        built = {"_build", "__pycache__"} & set(file.parts)
        if (
            file.suffix != ".png"
            and not built
            and not any(file.is_relative_to(excepted) for excepted in _EXCEPTED)
        ):
            yield str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")


def words_in(line: str) -> set[str]:
    """The words of a line in lower case; a name counts as the words that it is made of."""
    for pattern in ALLOWED:
        line = re.sub(pattern, "", line, flags=re.IGNORECASE)
    return {part.lower() for part in _PARTS.findall(line)}


def test_a_word_is_found_in_a_sentence_and_in_a_name() -> None:
    assert words_in("a Machine's end") >= {"machine"}
    assert words_in("MachineSeen on_machine VIRMachine") >= {"machine"}
    assert not words_in("apimachinery, a state machine, systemd-machined") & WORDS.keys()


def test_no_replaced_word_comes_back() -> None:
    found = [
        f"{name}:{number}: {word!r}: say {WORDS[word]}"
        for name, text in texts()
        for number, line in enumerate([name, *text.splitlines()])
        for word in sorted(words_in(line) & WORDS.keys())
    ]
    assert not found, "\n".join(found)


def test_no_replaced_name_comes_back() -> None:
    found = [
        f"{name}:{token.start[0]}: {token.string!r}: say {NAMES[token.string]}"
        for name, text in texts()
        if name.endswith(".py")
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.NAME and token.string in NAMES
    ]
    assert not found, "\n".join(found)


def test_no_file_names_a_tool_that_is_not_there() -> None:
    missing = [
        f"{name}: {tool}"
        for name, text in texts()
        for tool in re.findall(r"\btools/[\w-]+\.(?:py|sh|conf)\b", text)
        if tool not in MADE_UP and not (ROOT / tool).is_file()
    ]
    assert not missing, "\n".join(missing)
