"""What people are told of the reports that masakari has."""

from masakarimonitors.outbox.progress import Progress

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
NOT_RECOVERED = {
    "COMPUTE_HOST": "the instances of {hostname} are not recovered",
    "VM": "the instance {subject} on {hostname} is not recovered",
    "PROCESS": "{hostname}, on which {subject} is down, is not taken out of service",
}
"""What it means when masakari does not act on a report of that type, as far as masakari shows."""
PROGRESS = {
    Progress.DELIVERED: (
        "masakari has the report about {about}, and whether its engine has begun with it was not seen yet: nothing is "
        "known of a recovery"
    ),
    Progress.WORKED_ON: "masakari's engine is at work on the report about {about}, for {minutes:.0f} minutes by now",
    Progress.NOT_BEGUN: (
        "masakari's engine has not begun with the report about {about} for {minutes:.0f} minutes: {what}. It is away, "
        "or busy with earlier reports of that host. See that masakari-engine runs and reaches its message queue; until "
        "it does, recover by hand. It may still take the report up"
    ),
    Progress.TRIED_ONCE: (
        "masakari's engine has failed with the report about {about} and tries it once more: as far as masakari says, "
        "{what} so far. See the engine's log"
    ),
    Progress.STUCK: (
        "masakari's engine has not ended with the report about {about} for {minutes:.0f} minutes, which is longer than "
        "any of its own waits: as far as anybody can see, {what}. It is away, or was killed at its work, or has very "
        "many instances to move, or waits for nova. See its log and `openstack notification show`, and recover by hand "
        "what does not run. The report is not sent again"
    ),
    Progress.UNCLEAR: (
        "masakari shows the report about {about} as {status!a}, which this release does not know: as far as anybody "
        "can see, {what}. See `openstack notification show` and the engine's log, and recover by hand what does not run"
    ),
    Progress.FINISHED: (
        "masakari has finished with the report about {about}. That is no proof of a recovery: it finishes, too, with "
        "instances that it is not asked to recover, such as those without HA_Enabled where that is wanted"
    ),
    Progress.IGNORED: (
        "masakari's engine has ignored the report about {about}, and {what}: its failover segment is disabled, or the "
        "instance is paused or rescued in nova. See `openstack segment show` (enabled), and recover by hand"
    ),
    Progress.FAILED: (
        "masakari's engine has given up the report about {about} after two tries: as far as masakari says, {what}. "
        "Some of it may be all the same: see which instances run (`openstack notification show`, the engine's log), "
        "and recover the others by hand"
    ),
    Progress.LOST: (
        "masakari has taken the report about {about}, and does not know it any more (404): if its engine had not ended "
        "with it by then, {what}. Its database was restored or purged, or another masakari answers. See what runs, and "
        "recover by hand what does not. The report is not sent again"
    ),
    Progress.UNSEEN: (
        "It is not known whether masakari has the report about {about}: the answer to a try was lost, it called the "
        "next one a duplicate, which may speak of an older report, and its notifications cannot be read. If it has "
        "not, {what}. See `openstack notification list` and what runs, and recover by hand what does not; give the "
        "user of [api] the right to read notifications. The report is not sent again, since it could be acted on twice"
    ),
    Progress.CLEARED: "the report about {about}, which masakari did not act upon, needs nobody any more: {why}",
    Progress.FORGOTTEN: (
        "Nobody here follows the report about {about} any more, and that it was recovered was not seen (at masakari: "
        "{why}). Unless somebody has seen to it already, see whether it runs"
    ),
}
"""What is said of a report that masakari has, by where it stands."""
BLIND = (
    "masakari's notifications cannot be read ({why}): what becomes of {count} delivered report(s) is not known. Give "
    "the user of [api] the right to read notifications (in masakari's default policy the role admin), or mend what "
    "keeps masakari-api from answering. This is said once; they are followed as soon as it answers"
)
UNREAD = (
    "what has become of {count} delivered report(s) is not known here for {minutes:.0f} minutes, since masakari's "
    "notifications cannot be read ({why}): see `openstack notification list`, and whether what was reported runs"
)
TOO_MANY = (
    "The report about {about} is followed no longer ({stood}): more than {most} are unfinished at masakari. See "
    "`openstack notification list`"
)
OLDER = (
    "{count} older reports that masakari has are followed beside those that are shown here: {stand}. "
    "`masakari-monitors outbox` names them"
)
LET_GO = (
    "{count} are followed no longer, as there were too many, and whether these were recovered was not seen: {named}. "
    "See `openstack notification list`, and whether they run"
)
