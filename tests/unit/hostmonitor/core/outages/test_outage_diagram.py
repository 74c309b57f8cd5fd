"""The hosts' page shows the tables of outages and of the reporter, drawn from the tables themselves."""

import re
import runpy
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.election.reporter import TABLE as REPORTER
from masakarimonitors.hostmonitor.core.election.reporter import Standing
from masakarimonitors.hostmonitor.core.outages.aftermath import Owed
from masakarimonitors.hostmonitor.core.outages.outage import TABLE, Fate, Phase
from masakarimonitors.hostmonitor.core.outages.reasons import TO_DO
from masakarimonitors.hostmonitor.core.outages.watch import Flag, Living, Watch

DOCS = Path(__file__).parents[5] / "docs"
DRAWING = runpy.run_path(str(DOCS / "_ext/host_outage.py"))


def drawn(svg: str) -> set[tuple[str, str]]:
    return set(re.findall(r'data-from="([^"]*)" data-to="([^"]*)"', svg))


@pytest.mark.parametrize("kind", [Phase, Fate])
def test_every_move_to_another_state_is_an_arrow_and_no_other(kind: type[Phase | Fate]) -> None:
    svg = DRAWING["draw"](DRAWING["outage_rows"](kind), list(kind), "label")
    moves = {
        (state.value, then.value)
        for (state, _), (then, _) in TABLE.items()
        if isinstance(state, kind) and state is not then
    }
    assert drawn(svg) == {tuple(part.replace("&", "&amp;") for part in move) for move in moves}
    assert all(state.value in svg for state in kind)


def test_every_move_of_the_reporter_is_an_arrow() -> None:
    svg = DRAWING["draw"](DRAWING["reporter_rows"](), list(Standing), "label")
    moves = {
        (before.value, after.value) for (before, _), (after, _) in REPORTER.items() if before is not after
    }
    assert drawn(svg) == moves


@pytest.mark.parametrize("kind", [Phase, Fate])
def test_every_move_is_listed_with_what_is_done(kind: type[Phase | Fate]) -> None:
    text = "\n".join(DRAWING["listed"](DRAWING["outage_rows"](kind), "state"))
    for (state, fact), (_, acts) in TABLE.items():
        if isinstance(state, kind):
            assert f"**{state.value}**" in text and fact.value in text
            assert all(act.value in text for act in acts)


def test_what_was_seen_of_an_outage_and_what_is_owed_after_it_is_listed() -> None:
    tables = [(DRAWING["watch_rows"](kind), kind) for kind in (Watch, Living, Flag)]
    for rows, kind in [*tables, (DRAWING["aftermath_rows"](), Owed)]:
        text = "\n".join(DRAWING["listed"](rows, "state"))
        assert {state for state, _, _, _ in rows} == set(kind)
        assert all(f"**{state.value}**" in text and fact.value in text for state, fact, _, _ in rows)


def test_what_is_typed_is_marked_beside_what_leads_to_another_page() -> None:
    (told,) = [line for line in DRAWING["holds"](TO_DO) if "stonith_admin" in line]
    assert "``stonith_admin --confirm HOST``" in told and " :doc:`proof-of-death`" in told


def test_every_reason_that_holds_is_on_the_page() -> None:
    text = "\n".join(DRAWING["holds"](TO_DO))
    assert all(f"*{reason.value}*" in text for reason in TO_DO)


def test_the_page_shows_them() -> None:
    page = (DOCS / "hostmonitor.rst").read_text()
    for directive in ("host-outage", "host-reporter", "host-holds"):
        assert f".. {directive}::" in page
    assert "host_outage" in (DOCS / "conf.py").read_text()
