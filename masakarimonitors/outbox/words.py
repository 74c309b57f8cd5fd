"""What people are told of the reports that masakari has."""

ABANDONED = (
    "masakari shows the recovery of {about} as unfinished, but the host is in service: the engine was killed at its "
    "work, and nobody recovers that host. What dies there is reported again; see to the instances that were there then"
)
LONG_HOST = (
    "masakari's engine has not ended with the recovery of {about} for {minutes:.0f} minutes, and reports of that "
    "host's instances wait for it, or have done: it has very many, or the engine is away, or was killed at its work. "
    "See the engine's log; when nobody works at it, put the host back into service, and recover its instances by hand"
)
COVERED = "masakari has recovered its whole host since (notification {uuid}); see whether it runs"
TAKEN_BACK = (
    "masakari has recovered a whole host (notification {uuid}), and the reports that still waited about its instances "
    "are taken back, since they could restart what runs elsewhere by now: {subjects}. What was dead before its host "
    "and is stopped in nova stays stopped when it is recovered with it. See whether each of them runs, and start it "
    "by hand where it does not (`openstack server show`, `openstack server start`)"
)
OVERDUE = (
    "masakari's engine has not ended with the report about {about} for {minutes:.0f} minutes, which is longer than it "
    "needs: it is away, or was killed at its work, or waits for nova. The next reports go out all the same; see "
    "`openstack notification show` and the engine's log, and recover the instance by hand"
)
UNREAD = (
    "Nobody here can tell what masakari's engine has made of the report about {about} for {minutes:.0f} minutes: "
    "masakari's notifications cannot be read at present. It is looked at again as soon as they can; see `openstack "
    "notification show`, and whether the instance runs"
)
FORGOTTEN = (
    "Nobody here follows the report about {about} any more, and its end at masakari's engine was not seen (at "
    "masakari: {why}). See whether the instance runs"
)
GIVEN_UP = (
    "masakari's engine has given up the report about {about} after two tries: the instance is not recovered. See the "
    "engine's log, and recover the instance by hand"
)
IGNORED = (
    "masakari's engine has ignored the report about {about}: the instance is paused or rescued in nova, or its "
    "failover segment is disabled. It is not recovered"
)
