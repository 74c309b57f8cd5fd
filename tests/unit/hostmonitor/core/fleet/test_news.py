"""News add up in their order."""

from masakarimonitors.core.decision import Ruling, Verdict, Withdraw
from masakarimonitors.hostmonitor.core.fleet.news import News
from masakarimonitors.hostmonitor.core.outages.host import new_host
from masakarimonitors.hostmonitor.core.state import Cluster

FIRST, THEN = Cluster(views={}), Cluster(views={}, began=1.0)


def test_what_is_found_later_stands_and_nothing_is_lost() -> None:
    one, other = Verdict("a", Ruling.HELD, "one"), Verdict("b", Ruling.HELD, "other")
    old, new = new_host(1), new_host(2)
    before = News(
        cluster=FIRST,
        hosts={"node05": old, "node06": old},
        commands=(Withdraw("a", ""),),
        verdicts=(one,),
        recheck_all=True,
    )
    later = News(
        cluster=THEN,
        hosts={"node05": new, "node07": None},
        commands=(Withdraw("b", ""),),
        verdicts=(other,),
        gained=True,
    )
    both = before.then(later)
    assert both.cluster is THEN and both.recheck_all and both.gained
    assert both.hosts == {"node05": new, "node06": old, "node07": None}
    assert both.commands == (Withdraw("a", ""), Withdraw("b", "")) and both.verdicts == (one, other)
    nothing = News(cluster=FIRST).then(News(cluster=FIRST))
    assert not nothing.recheck_all and not nothing.gained and nothing.hosts == {}
