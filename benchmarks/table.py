"""One measured figure beside the bar it should reach."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """`measured` and `bar` carry their units; `ok` says whether the bar is reached."""

    figure: str
    bar: str
    measured: str
    ok: bool


def show(rows: Sequence[Row]) -> str:
    """The rows as an aligned plain-text table."""
    cells = [("figure", "bar", "measured", "ok")]
    cells += [(row.figure, row.bar, row.measured, "yes" if row.ok else "NO") for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(4)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the measured values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]
