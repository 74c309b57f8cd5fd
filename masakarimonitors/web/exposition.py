"""The metrics of several monitors as one exposition of Prometheus's text format. Pure.

In: what each monitor exposes. Out: each family once, and every sample with the label `monitor`, so that what a process
says of itself (its memory, its lost lines) is told apart. A line that is no sample is left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?[ \t]+(\S+(?:[ \t]+-?\d+)?)[ \t]*")
_OWN = re.compile(r"(?:^|,)[ \t]*monitor=\"")


def merged(texts: Mapping[str, str], own: Sequence[str] = ()) -> str:
    """One exposition of these, by monitor; `own`: lines that come first, as they are."""
    heads: dict[str, dict[str, str]] = {}
    samples: dict[str, list[str]] = {}
    for monitor, text in texts.items():
        for family, kind, line in _lines(text, monitor):
            if kind:
                heads.setdefault(family, {}).setdefault(kind, line)
            else:
                samples.setdefault(family, []).append(line)
    lines = list(own)
    for family, said in samples.items():
        lines += heads.get(family, {}).values()
        lines += said
    return "".join(f"{line}\n" for line in lines)


def _lines(text: str, monitor: str) -> Iterator[tuple[str, str, str]]:
    """Family, the kind of a comment (nothing for a sample) and the line."""
    family = ""
    for line in text.splitlines():
        words = line.split(maxsplit=3)
        if words[:1] == ["#"]:
            if len(words) > 2 and words[1] in ("HELP", "TYPE"):
                family = words[2]
                yield family, words[1], line
            continue
        sample = _SAMPLE.fullmatch(line)
        if sample is None:
            continue
        name, labels, value = sample.groups()
        if not family or not name.startswith(family):
            family = name
        told = (labels or "").strip().removesuffix(",")
        if not _OWN.search(told):
            told = ",".join(filter(None, (f'monitor="{monitor}"', told)))
        yield family, "", f"{name}{{{told}}} {value}"
