"""Paths that are told from a folder, and programs that something else has begun: found, or in doubt."""

from dataclasses import replace

import pytest

from masakarimonitors.processmonitor.core.recognition.identity import identify
from masakarimonitors.processmonitor.core.recognition.matching import Index, Reason
from masakarimonitors.processmonitor.core.recognition.pattern import AsSeen, Pattern

PY = "/usr/bin/python3.11"
SH = "/usr/bin/dash"


def matched(
    entry: Pattern, command: str, exe: str, *, cwd: str = "/srv", stands: bool = True, user: int | None = None
) -> Reason | None:
    """Why a process with this command line, which stands in `cwd` by now, is one of the entry; with `stands` there is
    such a script there, another one than the entry's."""
    identity = identify(command.split(), exe, cwd=lambda: cwd, user=user)
    assert identity is not None
    found = Index([entry]).match(replace(identity, script_file=(9, 9) if stands else None))
    return found[0].reason if found else None


def ruled(reason: Reason | None) -> str:
    if reason is None:
        return "no"
    return "in doubt" if reason.doubt else "yes" if reason.strong else "weakly"


@pytest.mark.parametrize(
    ("entry", "command", "exe"),
    [
        # A program.
        ("bin/foo", "bin/foo -x", "/srv/bin/foo"),
        ("bin/foo", "./foo", "/srv/bin/foo"),
        ("bin/foo", "/srv/bin/foo", "/srv/bin/foo (deleted)"),
        ("./bin/foo", "bin/foo", "/srv/bin/foo"),
        ("./foo", "bin/foo", "/srv/bin/foo"),
        ("../bin/foo", "../bin/foo", "/srv/bin/foo"),
        ("bin/foo", "bin/foo", ""),
        ("./bin/foo", "bin/foo", ""),
        ("/srv/bin/foo", "bin/foo", "/srv/bin/foo"),
        ("/srv/bin/foo", "bin/foo", ""),
        ("bin/foo", "foo: master process bin/foo -x", "/srv/bin/foo"),
        # A script.
        ("rel/x.py", "python3 rel/x.py 7", PY),
        ("./rel/x.py", "python3 rel/x.py", PY),
        ("../x.py", "python3 ../x.py", PY),
        ("rel/x.py", "python3 /srv/rel/x.py", PY),
        ("rel/x.sh", "/bin/sh ./rel/x.sh", SH),
        ("/srv/rel/x.py", "python3 rel/x.py", PY),
        # With its interpreter.
        ("python3 rel/x.py", "python3 rel/x.py", PY),
        ("python3 rel/x.py", "python3 ./rel/x.py", PY),
        ("python3 rel/x.py", "python3 /srv/rel/x.py", PY),
        ("python3 x.py", "/usr/bin/python3 /srv/x.py", PY),
        ("/usr/bin/python rel/x.py -v", "python3 -u ./rel/x.py -v", PY),
        ("python3 -u /srv/x.py", "python3 /srv/x.py", PY),
        ("java -jar rel/x.jar", "/usr/bin/java -Xmx1g -jar /srv/rel/x.jar", "/usr/lib/jvm/bin/java"),
        # A module.
        ("python3 -m some.module", "python3 -m some.module", PY),
        ("python3 -m some.module", "/usr/bin/python3 -u -m some.module --x", PY),
        ("python3 -m some.module", "python3 -msome.module", PY),
        ("python3 -msome.module", "python3 -m some.module", PY),
        ("some.module", "python3 -Imsome.module", PY),
        # A title that says less than the list.
        (f"{PY} /usr/bin/agent --config-file /etc/a", f"agent: rpc ({PY} /usr/bin/agent --config-file /etc/a)", PY),
    ],
)  # fmt: skip
def test_what_is_told_from_a_folder_is_found_from_whichever(entry: str, command: str, exe: str) -> None:
    for user in (None, 0):
        assert ruled(matched(Pattern.of(entry), command, exe, user=user)) == "yes"


@pytest.mark.parametrize(
    ("entry", "command", "exe"),
    [
        ("bin/foo", "bin/foo", "/srv/sbin/foo-1.2"),  # it leads elsewhere from where it was begun, by a link
        ("current/bin/foo", "foo", "/srv/release-7/bin/foo"),
        ("current/x.py", "python3 /srv/release-7/x.py", PY),
        ("python3 current/x.py", "python3 /srv/release-7/x.py", PY),
        ("foo -c conf/a.conf", "foo -c /srv/conf/a.conf", "/usr/bin/foo"),
        ("/usr/bin/foo --conf=/srv/conf/a.conf", "foo --conf=conf/a.conf", "/usr/bin/foo"),
        ("python3 x.py conf/a.conf", "python3 x.py /srv/conf/a.conf", PY),
        ("env A=1 -i /srv/bin/foo -x", "/srv/bin/foo -x", "/srv/bin/foo"),
        ("/usr/bin/env python3 /srv/x.py", "python3 /srv/x.py", PY),
        ("nice -n 5 foo", "foo -x", "/usr/bin/foo"),
        ("sudo -u nova foo", "foo -x", "/usr/bin/foo"),
        ("sh -c '/srv/bin/foo -x'", "/srv/bin/foo -x", "/srv/bin/foo"),
        ("/bin/sh -ec 'exec foo;'", "/usr/bin/foo", "/usr/bin/foo"),
        ("bash -c 'cd /srv && ./x.sh'", "/bin/bash ./x.sh", "/usr/bin/bash"),
    ],
)
def test_what_the_list_tells_in_other_words_is_in_doubt(entry: str, command: str, exe: str) -> None:
    for user in (0, 42):
        reason = matched(Pattern.of(entry), command, exe, user=user)
        assert ruled(reason) == "in doubt"
        assert reason is not None and reason.doubt.endswith("if it is")


@pytest.mark.parametrize("cwd", ["/", ""])
@pytest.mark.parametrize(
    ("entry", "command", "exe"),
    [
        ("/srv/rel/x.py", "python3 rel/x.py", PY),
        ("/srv/rel/x.py", "python3 ./x.py 7", PY),
        ("/srv/rel/x.sh", "/bin/sh ../rel/x.sh", SH),
        ("/usr/bin/python3 /srv/rel/x.py", "python3 rel/x.py", PY),
        ("/usr/bin/python3 /srv/rel/x.py -v", "python3 -u rel/x.py -v", PY),
    ],
)
def test_a_script_whose_folder_is_not_known_any_more_is_in_doubt(
    entry: str, command: str, exe: str, cwd: str
) -> None:
    """A daemon goes to "/" after its start, and another user's folder is hidden; its path stays as it was told."""
    reason = matched(Pattern.of(entry), command, exe, cwd=cwd, stands=False)
    assert ruled(reason) == "in doubt"
    assert reason is not None and not reason.misfit, "also of a service that was seen before it moved"
    relative = command.split()[-1] if command.split()[-1].count(".") else command.split()[-2]
    assert relative in reason.doubt
    if cwd:  # where such a script stands by now it is that one
        assert ruled(matched(Pattern.of(entry), command, exe, cwd=cwd)) == "no"


@pytest.mark.parametrize(
    ("entry", "command", "exe"),
    [
        ("bin/foo", "bin/bar", "/srv/bin/bar"),
        ("bin/foo", "bin/foobar", "/srv/bin/foobar"),
        ("rel/x.py", "vim rel/x.py", "/usr/bin/vim"),
        ("/srv/rel/x.py", "tail -f rel/x.py", "/usr/bin/tail"),
        ("/srv/bin/foo", "bin/foo", "/opt/bin/foo"),
        ("/srv/rel/x.py", "python3 rel/y.py", PY),
        ("/srv/rel/x.py", "python3 rel/x.py", PY),  # another one, from another folder
        ("python3 -m some.module", "python3 -m some.other", PY),
        ("python3 -m x.py", "python3 x.py", PY),
        ("python3 rel/x.py", "perl rel/x.py", "/usr/bin/perl"),
        ("foo -c conf/a.conf", "foo -c /srv/conf/b.conf", "/usr/bin/foo"),
        ("env A=1 /srv/bin/foo", "/opt/bin/foo", "/opt/bin/foo"),
        ("sh -c 'exec /srv/bin/foo -x'", "/srv/bin/foo -y", "/srv/bin/foo"),
        ("sh -c foo", "vim foo", "/usr/bin/vim"),
    ],
)
def test_what_is_surely_another_is_not_in_doubt(entry: str, command: str, exe: str) -> None:
    for user in (0, 42):
        assert ruled(matched(Pattern.of(entry), command, exe, cwd="/tmp", user=user)) == "no"


def test_where_a_relative_path_leads_from_this_monitor_is_the_program() -> None:
    entry = Pattern.of("current/bin/foo", "/srv/release-7/bin/foo-7", file=(1, 7))
    assert ruled(matched(entry, "current/bin/foo", "/srv/release-7/bin/foo-7")) == "yes"
    assert ruled(matched(entry, "foo", "/srv/release-7/bin/foo-7")) == "yes"
    assert ruled(matched(entry, "foo", "/srv/release-8/bin/foo")) == "no"


def test_the_same_script_by_another_link_is_the_script() -> None:
    entry = Pattern.of("/srv/release-7/x.py", file=(9, 9))
    for command in ("python3 /srv/current/x.py", "python3 current/x.py"):
        assert ruled(matched(entry, command, PY)) == "yes"
        assert ruled(matched(replace(entry, file=(9, 8)), command, PY)) == "no"


@pytest.mark.parametrize(
    ("entry", "command", "unit", "held"),
    [
        # What is begun stands before it: this is an argument, and another service elsewhere on the host.
        ("runuser -u agent -- /usr/bin/agent cron", "/usr/sbin/cron -f", "cron.service", False),
        ("sudo -u agent /usr/bin/agent cron", "/usr/sbin/cron -f", "cron.service", False),
        ("su agent -s /bin/bash -c '/usr/bin/agent cron'", "/usr/sbin/cron -f", "cron.service", False),
        ("nice -n 5 /usr/bin/agent cron", "/usr/sbin/cron -f", "cron.service", False),
        # In the unit of the service, or in none, it may be what is left of it.
        ("sudo /usr/bin/wrap agent", "/usr/bin/agent", "wrap.service", True),
        ("sudo /usr/bin/wrap agent", "/usr/bin/agent", "", True),
        # It may be what is begun.
        ("runuser -u agent -- /usr/bin/agent cron", "/usr/bin/agent cron", "agent-2.service", True),
        ("sudo -u agent agent", "/usr/bin/agent", "agent-2.service", True),
        ("sudo /usr/bin/env agent", "/usr/bin/agent", "agent-2.service", True),
        ("su -s /bin/bash -c agent", "/usr/bin/agent", "agent-2.service", True),
        ("su -c 'cd /srv; agent'", "/usr/bin/agent", "agent-2.service", True),
        ("sh -c 'cd /srv && agent'", "/usr/bin/agent", "agent-2.service", True),
        ("chroot /srv agent", "/usr/bin/agent", "agent-2.service", True),
        ("systemd-run --wait /usr/bin/wrap agent", "/usr/bin/agent", "agent-2.service", True),
        ("sudo chroot /srv agent", "/usr/bin/agent", "agent-2.service", True),
        ("nice -n 5 /usr/sbin/chroot /srv agent", "/usr/bin/agent", "agent-2.service", True),
        ("sudo /usr/bin/dumb-init agent", "/usr/bin/agent", "agent-2.service", True),
        ("timeout 10 /bin/systemctl start agent", "/usr/bin/agent", "agent-2.service", True),
        ("sudo /usr/bin/wrap /usr/bin/agent", "/usr/bin/agent", "agent-2.service", True),
    ],
)
def test_an_argument_of_what_is_begun_holds_nothing_that_was_seen_in_another_unit(
    entry: str, command: str, unit: str, held: bool
) -> None:
    words = command.split()
    identity = identify(words, words[0])
    assert identity is not None
    for known, holds in ((AsSeen(), True), (AsSeen(frozenset({42}), frozenset({"wrap.service"})), held)):
        pattern = replace(Pattern.of(entry), known=known)
        (found,) = Index([pattern]).match(replace(identity, user=0, unit=unit))
        assert found.reason.doubt and found.reason.misfit is not holds
