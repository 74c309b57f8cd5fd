"""Reports of whoever has made them, in the words of the comparison."""

from masakarimonitors.core.agreement import told
from masakarimonitors.core.agreement.told import BACK, FAILED, listed, subject_of
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    ProcessNotification,
    VmNotification,
)
from tests.fixtures.fake_clock import EPOCH


def test_ours_and_theirs_of_one_failure_mean_the_same() -> None:
    ours = told.of(
        HostNotification(
            "node05",
            EPOCH,
            event=HostEvent.STOPPED,
            cluster_status=ClusterStatus.OFFLINE,
            host_status=HostStatus.NORMAL,
        )
    )
    payload = {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "UNKNOWN"}
    theirs = listed("COMPUTE_HOST", "NODE05", payload, EPOCH, "u1")
    assert ours.means(theirs) and (ours.sense, ours.says) == (FAILED, "STOPPED OFFLINE NORMAL")
    assert theirs.uuid == "u1" and theirs.says == "STOPPED OFFLINE UNKNOWN"


def test_a_return_is_no_failure() -> None:
    gone = ProcessNotification("node05", EPOCH, HostEvent.STOPPED, "nova-compute")
    back = ProcessNotification("node05", EPOCH, HostEvent.STARTED, "nova-compute")
    assert told.of(back).sense == BACK and not told.of(back).means(told.of(gone))


def test_a_process_is_known_by_what_follows_the_last_slash() -> None:
    ours = told.of(ProcessNotification("node05", EPOCH, HostEvent.STOPPED, "/usr/bin/never"))
    assert ours.subject == "process:never" == subject_of("process:/usr/bin/never")
    assert subject_of("host:a/b") == "host:a/b"


def test_what_the_engine_acts_on_is_one_sense_and_what_it_files_is_its_own() -> None:
    def vm(event: str, detail: str) -> VmNotification:
        return VmNotification("n", EPOCH, event=event, instance_uuid="i", vir_domain_event=detail)

    assert told.of(vm("LIFECYCLE", "STOPPED_FAILED")).sense == FAILED
    assert told.of(vm("IO_ERROR", "IO_ERROR_REPORT")).sense == FAILED
    assert told.of(vm("LIFECYCLE", "SUSPENDED_PAUSED")).sense == "LIFECYCLE SUSPENDED_PAUSED"


def test_what_nobody_knows_is_taken_by_its_own_words() -> None:
    strange = listed("VOLUME", "node05", {}, EPOCH, "u")
    assert (strange.subject, strange.says) == ("VOLUME:node05", "None")
    assert listed("COMPUTE_HOST", "n", {"event": "MELTED"}, EPOCH, "u").sense == "MELTED"
