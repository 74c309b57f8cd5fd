"""What stands on disk of a guest is read by the next version too: key by key, letter by letter."""

import datetime
import json
from dataclasses import replace
from types import MappingProxyType

from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.memory import restore
from masakarimonitors.introspectiveinstancemonitor.core.observation import HEARTBEAT
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery
from masakarimonitors.introspectiveinstancemonitor.core.state import Guest, Hold, Probe, memo, with_probe
from tests.fixtures.guest_play import A, Play

WRITTEN = (
    '{"run": "3f1a0c22-7", "where": "qemu:///system", '
    '"phases": {"heartbeat": "reported", "web": "healthy", "db": "healthy"}, '
    '"reports": ["2026-06-01T12:00:00+00:00"]}'
)
GUEST = Guest(
    uuid=A,
    name="instance-00000001",
    run="3f1a0c22-7",
    where="qemu:///system",
    probes=MappingProxyType(
        {
            HEARTBEAT: Probe(phase=Phase.REPORTED, misses=3, evidence="no answer"),
            "web": Probe(phase=Phase.HEALTHY),
            "db": Probe(phase=Phase.ERROR, misses=1),
            "never-passed": Probe(phase=Phase.DISCOVERY),
        }
    ),
    reports=(datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC),),
)


def test_what_is_written_of_a_guest() -> None:
    assert json.dumps(memo(GUEST)) == WRITTEN


def test_what_was_written_is_restored_and_would_be_written_again() -> None:
    kept = restore({f"guest:{A}": json.loads(WRITTEN)}, ("qemu:///system",)).kept[A]
    assert kept.reported and kept.reports == GUEST.reports
    assert json.dumps(memo(kept)) == WRITTEN


def test_the_key_is_the_guests_uuid() -> None:
    assert set(Play().seen().answers().memory) == {f"guest:{A}"}


def test_a_report_that_waits_is_remembered_as_one_that_can_be_taken_back() -> None:
    waiting = GUEST.reports[0]
    probe = replace(GUEST.heartbeat, delivery=Delivery.WAITING, made_at=waiting)
    written = json.dumps(memo(with_probe(GUEST, HEARTBEAT, probe)))
    assert written == WRITTEN.removesuffix("}") + ', "waiting": "2026-06-01T12:00:00+00:00"}'
    kept = restore({f"guest:{A}": json.loads(written)}, ("qemu:///system",)).kept[A]
    assert kept.waiting == waiting and json.dumps(memo(kept)) == written
    assert kept.probes[HEARTBEAT].made_at == waiting
    naive = json.loads(written) | {"waiting": "2026-06-01T12:00:00"}
    assert not restore({f"guest:{A}": naive}).kept, "not as it is written"


def test_of_two_reported_probes_it_is_remembered_whose_report_waits_and_when_the_other_was_delivered() -> (
    None
):
    waiting = GUEST.reports[0]
    probes = {
        "web": Probe(phase=Phase.REPORTED, delivery=Delivery.WAITING, made_at=waiting),
        HEARTBEAT: Probe(phase=Phase.REPORTED, delivery=Delivery.DELIVERED, delivered_at=waiting),
        "db": Probe(phase=Phase.REPORTED, delivery=Delivery.GIVEN_UP),
    }
    written = memo(replace(GUEST, probes=MappingProxyType(probes)))
    assert written is not None and written["waits"] == "web"
    kept = restore({f"guest:{A}": written}, ("qemu:///system",)).kept[A]
    assert dict(kept.probes) == probes and memo(kept) == written


def test_whose_report_waits_an_earlier_release_did_not_write() -> None:
    earlier = json.loads(WRITTEN) | {"waiting": "2026-06-01T12:00:00+00:00"}
    earlier["phases"] = {"heartbeat": "healthy", "web": "reported"}
    probes = restore({f"guest:{A}": earlier}).kept[A].probes
    assert probes["web"].delivery is Delivery.WAITING and probes[HEARTBEAT].delivery is Delivery.NONE


def test_what_a_storm_holds_is_remembered_and_healthy_to_an_earlier_release() -> None:
    since = GUEST.reports[0]
    probe = Probe(phase=Phase.ACCUSED, misses=5, hold=Hold.STORM, storm_since=since)
    written = memo(with_probe(GUEST, "db", probe))
    assert written is not None and written == json.loads(WRITTEN) | {
        "held": {"db": "2026-06-01T12:00:00+00:00"}
    }
    kept = restore({f"guest:{A}": written}, ("qemu:///system",)).kept[A]
    assert kept.probes["db"] == Probe(phase=Phase.ERROR, hold=Hold.STORM, storm_since=since)
    assert memo(kept) == written
    assert not restore({f"guest:{A}": {**written, "held": 1}}).kept, "not as it is written"
    assert kept.home == "", "among the guests of the libvirt that has it, as an earlier release has taken it"


def test_where_one_counts_that_a_storm_holds_is_remembered_beside_it_where_it_is_asked_over_another() -> None:
    probe = Probe(phase=Phase.ACCUSED, misses=5, hold=Hold.STORM, storm_since=GUEST.reports[0])
    asked_over = replace(GUEST, counted_at="qemu+unix:///system")
    assert memo(asked_over) == json.loads(WRITTEN), "nothing that a storm holds"
    written = memo(with_probe(asked_over, "db", probe))
    assert written is not None and written["home"] == "qemu+unix:///system"
    kept = restore({f"guest:{A}": written}, ("qemu:///system", "qemu+unix:///system")).kept[A]
    assert kept.home == "qemu+unix:///system" and memo(kept) == written
    assert memo(kept.without({"db"})) == json.loads(WRITTEN) | {
        "phases": {"heartbeat": "reported", "web": "healthy"}
    }


def test_what_the_checks_ask_is_remembered_and_nothing_to_an_earlier_release() -> None:
    asked = MappingProxyType({"web": "0a1b 10.0", "never-passed": "0a1b 10.0"})
    written = memo(replace(GUEST, questions=asked))
    assert written is not None, "it has answered"
    assert written == json.loads(WRITTEN) | {"questions": {"web": "0a1b 10.0"}}, "all else as it was"
    kept = restore({f"guest:{A}": written}, ("qemu:///system",)).kept[A]
    assert kept.questions == {"web": "0a1b 10.0"} and memo(kept) == written
    assert not restore({f"guest:{A}": {**written, "questions": 1}}).kept, "not as it is written"
