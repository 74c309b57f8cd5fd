"""What the parts of the driver tell each other."""

from masakarimonitors.hostmonitor.drivers.base import Endpoint
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Connection
from masakarimonitors.hostmonitor.drivers.pacemaker.context import DriverContext
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import Finding
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition

LOST = Finding(Condition.SUSPECT, "lost")
UP = Finding(Condition.UP, "")


async def test_a_loss_is_as_old_as_the_host_is_missed() -> None:
    context = DriverContext()
    await context.looked({"r1": LOST, "n2": LOST}, {}, True, 100.0, missed_since={"r1": 70.0})
    assert context.suspect_since == {"r1": 70.0, "n2": 100.0}
    await context.looked({"r1": LOST, "n2": UP}, {}, True, 110.0)
    assert context.suspect_since == {"r1": 70.0}


async def test_a_living_host_answers_where_its_connection_resource_says() -> None:
    context = DriverContext()
    connections = {"r1": Connection("10.0.0.9", 3131)}
    await context.looked({"r1": LOST, "n2": LOST}, {}, True, 100.0, connections=connections)
    assert context.endpoints("r1") == (
        Endpoint("10.0.0.9", 3131, "pacemaker-remoted"),
        Endpoint("10.0.0.9", 22, "ssh"),
    )
    assert context.endpoints("n2") == (Endpoint("n2", 22, "ssh"),)
    assert context.endpoints("somebody") == ()
    # Somebody deletes them while they are lost, and may live.
    await context.looked({"n3": LOST}, {}, True, 110.0)
    await context.looked({"n3": LOST}, {}, True, 120.0)
    assert context.endpoints("r1")[0] == Endpoint("10.0.0.9", 3131, "pacemaker-remoted")
    assert context.endpoints("n2") == (Endpoint("n2", 22, "ssh"),)
    # A connection of another name leads there: that may be the same host, which lives, and whose old name may lead
    # nowhere. Nothing of Pacemaker tells it from another one that was given the address.
    another = {"r3": Connection("10.0.0.9", 3131)}
    await context.looked({"r3": UP, "n3": LOST}, {}, True, 125.0, connections=another)
    assert context.endpoints("r1") == context.endpoints("r3")
    assert context.endpoints("r3")[0] == Endpoint("10.0.0.9", 3131, "pacemaker-remoted")
    # Who was up when it was deleted is nobody's to ask for.
    await context.looked({"n3": UP}, {}, True, 130.0)
    await context.looked({}, {}, True, 140.0)
    assert context.endpoints("n3") == ()


def test_only_alerts_count_as_alerts() -> None:
    context = DriverContext()
    context.look_soon("corosync has news", 5.0)
    assert context.look_wanted.is_set() and context.alerted_at < 0
    context.ask_to_look("another monitor was alerted", 6.0)
    assert context.alerted_at == 6.0


def test_wishes_without_a_pause_are_hectic_and_a_pause_ends_that() -> None:
    context = DriverContext()
    for second in range(40):
        context.look_soon("again", float(second))
    assert not context.is_hectic(20.0 - 100) and context.is_hectic(40.0)
    assert not context.is_hectic(60.0)
    context.look_soon("again", 60.0)
    assert not context.is_hectic(60.0)


def test_goodbyes_are_forgotten_and_made_up_ones_are_bounded() -> None:
    context = DriverContext()
    context.hear_goodbye("r1", 0.0)
    context.hear_goodbye("r2", 50.0)
    assert context.goodbyes == {"r1": 0.0, "r2": 50.0}
    context.hear_goodbye("r2", 61.0)
    assert context.goodbyes == {"r2": 61.0}
    for number in range(5000):
        context.hear_goodbye(f"made up {number}", 61.0)
    assert len(context.goodbyes) < 3000


async def test_a_goodbye_is_spent_once_the_host_has_come_up_again() -> None:
    """Newcomers are told of good-byes, and have not seen the return."""
    context = DriverContext()
    context.hear_goodbye("r1", 1.0)
    context.hear_goodbye("r2", 9.0)
    await context.looked({}, {}, False, 10.0, connected_since={"r1": 5.0, "r2": 5.0})
    assert context.goodbyes == {"r2": 9.0}


def test_a_goodbye_that_another_monitor_knows_is_news_once() -> None:
    context = DriverContext()
    assert context.learn_goodbye("r1", 5.0) and context.goodbyes == {"r1": 5.0}
    assert not context.learn_goodbye("r1", 5.1) and context.goodbyes == {"r1": 5.0}
    assert not context.learn_goodbye("r1", 2.0) and context.goodbyes == {"r1": 5.0}
    assert context.learn_goodbye("r1", 30.0) and context.goodbyes == {"r1": 30.0}
