"""The table, looked at whole: every record that there can be, and what may never be said of it."""

import itertools
from collections.abc import Iterator

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import (
    Farewell,
    Fenced,
    HostRecord,
    Presence,
    Trouble,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import TABLE, Condition, line_of


def every_record() -> Iterator[HostRecord]:
    """Of members and of remotes; a remote's controller is never half there."""
    for remote, presence, fenced, farewell, trouble in itertools.product(
        (False, True), Presence, Fenced, Farewell, Trouble
    ):
        if not (remote and presence is Presence.HALF):
            yield HostRecord(
                remote=remote, presence=presence, fenced=fenced, farewell=farewell, trouble=trouble
            )


RECORDS = list(every_record())


def test_every_record_has_a_line_and_every_line_a_record() -> None:
    assert {id(line_of(record)) for record in RECORDS} == {id(row) for row in TABLE}


@pytest.mark.parametrize("presence", [Presence.HERE, Presence.HALF])
def test_who_is_there_is_never_called_lost_unless_time_runs_out_for_a_contradiction(
    presence: Presence,
) -> None:
    for record in RECORDS:
        if record.presence is presence:
            row = line_of(record)
            assert row.condition not in (Condition.SUSPECT, Condition.DOWN)
            assert not row.bounded or record.remote


def test_proof_comes_of_a_fresh_fencing_alone() -> None:
    for record in RECORDS:
        proven = record.presence is Presence.AWAY and record.fenced is Fenced.FRESH
        assert (line_of(record).condition is Condition.DOWN) is proven


def test_who_said_goodbye_or_is_not_wanted_is_accused_only_by_pacemaker_itself() -> None:
    for record in RECORDS:
        if record.farewell is not Farewell.NONE and line_of(record).condition is Condition.SUSPECT:
            assert record.trouble is Trouble.UNCLEAN


def test_nobody_who_is_away_is_unsure_for_ever() -> None:
    for record in RECORDS:
        if record.presence in (Presence.AWAY, Presence.UNTOLD):
            row = line_of(record)
            # "Dropped" is over by itself, when no good-bye can come any more.
            ends = row.bounded or record.trouble is Trouble.DROPPED
            assert row.condition is not Condition.UNSURE or ends


def test_up_needs_the_membership() -> None:
    for record in RECORDS:
        if line_of(record).condition is Condition.UP:
            assert record.presence is Presence.HERE
