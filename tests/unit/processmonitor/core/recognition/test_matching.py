"""What a command line and an executable say about what runs (R14)."""

import posixpath
from dataclasses import replace

import pytest

from masakarimonitors.processmonitor.core.recognition.identity import UNNAMEABLE, identify
from masakarimonitors.processmonitor.core.recognition.matching import Index, Reason, brief, matches, mentions
from masakarimonitors.processmonitor.core.recognition.pattern import AsSeen, Pattern
from masakarimonitors.processmonitor.core.recognition.place import IN_A_CONTAINER

PY = "/usr/bin/python3.11"
NOVA = "/usr/local/bin/nova-compute"
HOST = "/usr/local/bin/masakari-hostmonitor"
PY_HOST = f"/usr/bin/python {HOST}"
LONG = "a-name-much-longer-than-fifteen"
WITH_B = "nova-compute --config-file /etc/b.conf"


FOLLOW = {
    "/sbin/libvirtd": "/usr/sbin/libvirtd",
    "/usr/bin/python3": PY,
    "/usr/bin/uwsgi": "/usr/bin/uwsgi-core",
    "/usr/sbin/ovs-vswitchd": "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk",
    "/sbin/syslogd": "/bin/busybox",
}


def pattern_of(name: str, user: int | None = None) -> Pattern:
    first = name.split()[0]
    return Pattern.of(name, FOLLOW.get(first, posixpath.normpath(first)), file=(1, 7), user=user)


def runs(
    pattern: str, argv: list[str], exe: str, cwd: str = "/", user: int | None = None, only: int | None = None
) -> str:
    index = Index([pattern_of(pattern, only), Pattern.of("/another/entry")])
    identity = identify(argv, exe, cwd=lambda: cwd, user=user)
    assert identity is not None
    found = {match.process_name: match.reason for match in index.match(identity)}
    assert set(found) <= {pattern}
    assert all(len(reason.why.split()) > 3 for reason in found.values())
    if found and found[pattern].doubt:
        return "in doubt"
    return {True: "yes", False: "weakly"}[found[pattern].strong] if found else "no"


@pytest.mark.parametrize(
    ("pattern", "argv", "exe"),
    [
        (NOVA, ["/usr/bin/python3", NOVA, "--config-file", "x"], PY),
        (NOVA, ["/usr/bin/python3", "-s", "-W", "ignore", NOVA], PY),
        (NOVA, ["/usr/bin/python3", "-sPuW", "ignore", "--", NOVA], PY),
        (NOVA, ["python3", NOVA], "/var/lib/kolla/venv/bin/python3"),
        (NOVA, ["/usr/bin/python3", NOVA], ""),
        (NOVA, ["/usr/libexec/platform-python", "-Es", NOVA], "/usr/libexec/platform-python3.6"),
        (NOVA, ["/bin/sh", "-e", NOVA], "/usr/bin/dash"),
        (NOVA, ["/bin/bash", "-o", "pipefail", NOVA], "/usr/bin/bash"),
        (NOVA, ["nova-compute"], NOVA),
        (NOVA, [NOVA, "--x"], NOVA + " (deleted)"),
        (NOVA, ["nova-compute", "--x"], NOVA + " (deleted)"),
        (NOVA, [NOVA], ""),
        (NOVA, ["nova-compute"], PY),
        (PY_HOST, ["/usr/bin/python", HOST], PY),
        (PY_HOST, ["/usr/bin/python3", HOST, "-v"], PY),
        ("/usr/bin/python3 -u /opt/x.py", ["/usr/bin/python3", "-u", "/opt/x.py", "go"], PY),
        ("/usr/bin/python3 /opt/x.py", ["/usr/bin/python3", "-u", "/opt/x.py", "go"], PY),
        ("nova-compute", ["/usr/bin/python3", NOVA, "--config-file", "x"], PY),
        ("nova-compute", ["nova-compute"], "/opt/nova-compute"),
        (WITH_B, ["/usr/bin/python3", NOVA, "--config-file", "/etc/b.conf", "-d"], PY),
        ("/sbin/libvirtd", ["/usr/sbin/libvirtd", "--listen"], "/usr/sbin/libvirtd"),
        ("/usr/sbin/libvirtd", ["libvirtd"], "/usr/sbin/libvirtd"),
        (LONG, [f"/opt/{LONG}"], f"/opt/{LONG}"),
        ("nova.cmd.compute", ["/usr/bin/python3", "-m", "nova.cmd.compute"], PY),
        ("/opt/x.jar", ["/usr/bin/java", "-Xmx1g", "-cp", "a:b", "-jar", "/opt/x.jar"], "/usr/lib/jvm/bin/java"),
        ("/usr/sbin/nginx", ["nginx: master process /usr/sbin/nginx -g daemon on;"], "/usr/sbin/nginx"),
        ("/usr/sbin/sshd", ["sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"], "/usr/sbin/sshd"),
        ("/usr/bin/neutron-agent", ["neutron-agent (/usr/bin/python3 /usr/bin/neutron-agent --config-file x)"], PY),
        (f"{PY} /usr/bin/neutron-server", [f"neutron-server: rpc ({PY} /usr/bin/neutron-server)"], PY),
        ("nginx", ["nginx: master process /usr/sbin/nginx -g daemon on;"], "/usr/sbin/nginx"),
        ("gunicorn", ["gunicorn: master [app:app]"], PY),
        ("/opt/venv/bin/gunicorn", ["gunicorn: master [app:app]"], PY),
        ("postgres", ["/usr/lib/postgresql/15/bin/postgres", "-D", "/x"], "/usr/lib/postgresql/15/bin/postgres"),
        ("uwsgi", ["uWSGI master"], "/usr/bin/uwsgi-core"),
        ("/usr/bin/uwsgi", ["/usr/bin/uwsgi", "--ini", "x"], "/usr/bin/uwsgi-core"),
        ("/usr/sbin/ovs-vswitchd", ["ovs-vswitchd", "x"], "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"),
        ("ovs-vswitchd", ["ovs-vswitchd", "x"], "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"),
        ("/usr/sbin/mysqld", ["mysqld", "--x"], "/usr/sbin/mysqld;5f0c1a2b (deleted)"),
        ("/usr/sbin/mysqld", ["mysqld"], "/usr/sbin/mysqld.#prelink#.AbC (deleted)"),
        (NOVA, ["/usr/bin/python3-dbg", NOVA], "/usr/bin/python3.11-dbg"),
        (NOVA, ["/usr/bin/python3.11t", NOVA], "/usr/bin/python3.11t"),
        ("/sbin/syslogd", ["/sbin/syslogd", "-n"], "/bin/busybox"),
        ("/sbin/syslogd", ["busybox", "syslogd", "-n"], "/bin/busybox"),
        ("syslogd", ["syslogd", "-n"], "/bin/busybox"),
        (NOVA, ["sh", NOVA], "/bin/busybox"),
        (NOVA, [NOVA], PY),
        (HOST, [PY, "/usr/bin/masakari-monitors", "run", "--config-file", "x"], PY),
        (PY_HOST, [PY, "/usr/bin/masakari-monitors", "run", "--monitor", "hostmonitor"], PY),
        ("masakari-hostmonitor", [PY, "/usr/bin/masakari-monitors", "--x", "run", "--monitor=hostmonitor"], PY),
        ("ceilometer-polling", ["ceilometer-polling: master process [/usr/bin/ceilometer-polling --x]"], PY),
        ("/opt/my app/run", ["/opt/my app/run", "now"], "/opt/my app/run"),
        ("bash", ["-bash"], "/usr/bin/bash"),
    ],
)  # fmt: skip
def test_r14_matches(pattern: str, argv: list[str], exe: str) -> None:
    assert runs(pattern, argv, exe) == "yes"


@pytest.mark.parametrize(
    ("pattern", "argv", "exe"),
    [
        (NOVA, ["tail", "-f", "/var/log/nova/nova-compute.log"], "/usr/bin/tail"),
        ("nova-compute", ["tail", "-f", "/var/log/nova/nova-compute.log"], "/usr/bin/tail"),
        (NOVA, ["vim", NOVA], "/usr/bin/vim.basic"),
        (NOVA, ["grep", "-r", "x", NOVA], "/usr/bin/grep"),
        ("nova-compute", ["grep", "nova-compute"], "/usr/bin/grep"),
        (NOVA, ["systemctl", "restart", "nova-compute"], "/usr/bin/systemctl"),
        (NOVA, ["/bin/sh", "-c", f"exec {NOVA}"], "/usr/bin/dash"),
        (NOVA, ["/usr/bin/python3", "-c", "pass", NOVA], PY),
        (NOVA, ["/usr/bin/python3", "-m", "pdb", NOVA], PY),
        (NOVA, ["/usr/bin/python3", "-Im", "pdb", NOVA], PY),
        (NOVA, ["/usr/bin/python3", "/usr/bin/pytest", NOVA], PY),
        (NOVA, ["/usr/bin/perl", "-ne", "print", NOVA], "/usr/bin/perl"),
        (NOVA, ["/usr/bin/python3"], PY),
        (NOVA, [NOVA + "-wrapper"], NOVA + "-wrapper"),
        (NOVA, ["/usr/bin/python3", "/opt/other/nova-compute"], PY),
        (NOVA, ["nova-compute"], "/opt/other/nova-compute"),
        ("nova-compute", ["nova-computer"], "/usr/bin/nova-computer"),
        (WITH_B, [NOVA, "--config-file", "/etc/a.conf"], NOVA),
        (WITH_B, [NOVA, "--config-file", "/etc/b.conf.old"], NOVA),
        (PY_HOST, ["vim", HOST], "/usr/bin/vim"),
        (PY_HOST, ["/usr/bin/perl", HOST], "/usr/bin/perl"),
        ("/usr/sbin/nginx", ["vim: editing /usr/sbin/nginx"], "/usr/bin/vim"),
        ("sshd", ["login", "sshd"], "/usr/bin/login"),
        ("/sbin/syslogd", ["crond"], "/bin/busybox"),
        ("/usr/sbin/svc", ["/usr/sbin/svc", "300"], "/bin/sleep"),
        ("svc", ["/usr/sbin/svc", "300"], "/bin/sleep"),
        ("/usr/sbin/svc", ["svc: master process /usr/sbin/svc"], "/bin/sleep"),
        ("/usr/sbin/svc", ["/usr/sbin/svc"], UNNAMEABLE),
        ("nova-compute", ["/bin/sh", "/etc/init.d/nova-compute", "restart"], "/bin/dash"),
        (HOST, [PY, "/usr/bin/masakari-monitors", "run", "--monitor", "processmonitor"], PY),
        (HOST, [PY, "/usr/bin/masakari-monitors", "status"], PY),
        ("t120-ag", ["/opt/t120-agent", "--config", "/etc/x/agent.conf"], "/opt/t120-agent"),
    ],
)  # fmt: skip
def test_r14_does_not_match(pattern: str, argv: list[str], exe: str) -> None:
    assert runs(pattern, argv, exe) == "no"


@pytest.mark.parametrize(
    ("pattern", "argv", "exe"),
    [
        ("/usr/sbin/sshd", ["sshd: root@pts/0"], "/usr/sbin/sshd"),
        ("sshd", ["sshd: root@pts/0"], "/usr/sbin/sshd"),
        ("nginx", ["nginx: worker process"], "/usr/sbin/nginx"),
        ("/usr/sbin/nginx", ["nginx: worker process"], "/usr/sbin/nginx"),
        ("postgres", ["postgres: walwriter "], "/usr/lib/postgresql/15/bin/postgres"),
        ("gunicorn", ["gunicorn: worker [app:app]"], PY),
        ("/opt/venv/bin/gunicorn", ["gunicorn: worker [app:app]"], PY),
        ("httpd", ["(wsgi:keystone-pu", "-DFOREGROUND"], "/usr/sbin/httpd"),
        ("uwsgi", ["uWSGI worker 1"], "/usr/bin/uwsgi-core"),
        ("ceilometer-polling", ["ceilometer-polling: AgentManager worker(0)"], PY),
        ("/usr/bin/neutron-server", [f"neutron-server: api worker ({PY} /usr/bin/neutron-server -x)"], PY),
        ("/usr/sbin/httpd", ["anything: at all"], "/usr/sbin/httpd"),
    ],
)  # fmt: skip
def test_a_worker_or_a_session_of_a_server_matches_only_weakly(
    pattern: str, argv: list[str], exe: str
) -> None:
    assert runs(pattern, argv, exe) == "weakly"


def test_a_name_that_the_executable_contradicts_counts_weakly_of_the_entrys_user_alone() -> None:
    claims = ["/usr/sbin/svc", "-x"]
    assert runs("/usr/sbin/svc", claims, "/usr/lib/.svc-wrapped", user=0) == "in doubt"
    assert runs("/usr/sbin/svc", claims, "/usr/lib/.svc-wrapped", user=0, only=0) == "weakly"
    assert runs("/usr/sbin/svc", claims, "/usr/lib/.svc-wrapped", user=42, only=42) == "weakly"
    assert runs("/usr/sbin/svc", claims, "/usr/lib/.svc-wrapped", user=42) == "no"
    assert runs("/usr/sbin/svc", ["svc"], "/opt/other/svc", user=0) == "no"
    assert runs("svc", ["svc: master process /usr/sbin/svc"], "/opt/.svc", user=0) == "in doubt"
    assert runs("svc", ["svc: master process /usr/sbin/svc"], "/opt/.svc", user=7, only=7) == "yes"
    assert runs("svc", ["svc: worker process"], "/opt/.svc", user=0) == "in doubt"
    assert runs("/usr/sbin/svc", ["svc: worker process"], "/opt/.svc", user=0) == "no"


@pytest.mark.parametrize(
    ("argv", "exe"),
    [
        (["/lib64/ld-linux.so.2", "--library-path", "/x", "/usr/bin/foo"], "/usr/lib/ld-linux.so.2"),
        (["/usr/bin/qemu-aarch64-static", "/usr/bin/foo", "-x"], "/usr/bin/qemu-aarch64-static"),
        (["/usr/bin/foo", "/bin/sleep", "3"], "/lib64/ld-linux-x86-64.so.2"),
    ],
)
def test_what_a_program_loader_runs_is_weakly_believed_of_root_and_of_the_entrys_user(
    argv: list[str], exe: str
) -> None:
    for name in ("/usr/bin/foo", "foo"):
        assert runs(name, argv, exe, user=0) == "weakly"
        assert runs(name, argv, exe, user=42, only=42) == "weakly"
        assert runs(name, argv, exe, user=42) == "no"
    identity = identify(argv, exe, user=0)
    assert identity is not None
    reason = matches(pattern_of("/usr/bin/foo"), identity)
    assert reason is not None and reason.why.endswith("by root or its own user, and a program loader runs it")


def test_an_interpreter_that_anybody_has_called_so_is_the_process_only_weakly() -> None:
    for name in (NOVA, "nova-compute"):
        assert runs(name, [NOVA, "-c", "pass"], PY, user=42) == "weakly"
        assert runs(name, [NOVA, "-c", "pass"], PY, user=0) == "yes"
        assert runs(name, [NOVA, "-c", "pass"], PY, user=42, only=42) == "yes"
        assert runs(name, ["/usr/bin/python3", NOVA], PY, user=42) == "yes"
        assert runs(name, [f"nova-compute: master process [{NOVA}]"], PY, user=42) == "yes"


@pytest.mark.parametrize(
    ("argv", "exe"),
    [
        (["/usr/bin/python3", NOVA], PY),
        (["bash", NOVA], "/usr/bin/bash"),
        ([NOVA, "-c", "import time; time.sleep(9)"], PY),
        (["nova-compute: master process"], PY),
        ([NOVA], NOVA),
    ],
)
def test_what_an_ordinary_user_runs_counts_only_where_the_service_is_that_users(
    argv: list[str], exe: str
) -> None:
    identity = identify(argv, exe, user=65534)
    assert identity is not None
    persons = replace(identity, person=65534)
    entry = pattern_of(NOVA)
    reason = matches(entry, persons)
    assert reason is not None and "give the entry `user: 65534`" in reason.doubt
    for one in (
        replace(entry, user=65534),
        replace(entry, known=AsSeen(frozenset({65534}), frozenset({"x.service"}))),
    ):
        reason = matches(one, persons)
        assert reason is not None and not reason.doubt
    reason = matches(entry, identity)  # of a system service
    assert reason is not None and not reason.doubt


SEEN = AsSeen(frozenset({42}), frozenset({"nova-compute.service"}))


@pytest.mark.parametrize(
    ("user", "unit", "known", "only", "doubt"),
    [
        (33, "apache2.service", SEEN, None, True),
        (33, "", SEEN, None, True),
        (33, "nova-compute.service", SEEN, None, False),  # a package has given the service another user
        (42, "", SEEN, None, False),  # begun by hand, or by a command of the list
        (0, "", SEEN, None, False),
        (None, "apache2.service", SEEN, None, False),  # the kernel does not tell
        (33, "apache2.service", SEEN, 33, False),
        (33, "apache2.service", AsSeen(), None, False),  # it was never seen
        (33, "apache2.service", AsSeen(frozenset({42})), None, False),  # by a release that did not look
        (33, "", AsSeen(frozenset({42}), frozenset({""})), None, False),  # no such init system
    ],
)
def test_what_another_services_user_runs_does_not_count_once_the_service_was_seen(
    user: int | None, unit: str, known: AsSeen, only: int | None, doubt: bool
) -> None:
    for argv, exe in ((["/usr/bin/python3", NOVA], PY), ([NOVA], NOVA)):
        identity = identify(argv, exe, user=user)
        assert identity is not None
        entry = replace(pattern_of(NOVA, only), known=known)
        reason = matches(entry, replace(identity, unit=unit))
        assert reason is not None and bool(reason.doubt) is doubt and not reason.persons
        assert not doubt or (f"give the entry `user: {user}`" in reason.doubt)


def test_an_entry_with_a_user_is_run_by_that_user_alone() -> None:
    assert runs("/usr/sbin/svc", ["svc"], "/usr/sbin/svc", user=42, only=42) == "yes"
    assert runs("/usr/sbin/svc", ["svc"], "/usr/sbin/svc", user=0, only=42) == "no"


def test_the_same_file_under_another_path_is_the_program() -> None:
    identity = identify(["svc"], "/jail/svc", file=(1, 7))
    assert identity is not None
    assert matches(pattern_of("/usr/sbin/svc"), identity) == Reason("its executable is /jail/svc")


def test_the_reason_is_a_sentence_that_names_what_was_seen() -> None:
    identity = identify(["/usr/bin/python3", NOVA], PY)
    assert identity is not None
    assert matches(pattern_of(NOVA), identity) == Reason(f"it runs {NOVA} with /usr/bin/python3")


def test_what_stands_in_a_sentence_is_one_short_line() -> None:
    assert brief("a\x1b[31m\nb") == r"a\x1b[31m\nb"
    assert len(brief("x" * 1000)) < 100


@pytest.mark.parametrize(
    ("pattern", "argv", "folder"),
    [
        ("svc", ["svc"], ""),
        ("svc", ["any: thing"], ""),
        ("svc", ["svc: worker process"], "another-"),
        ("svc", ["svc", "-x"], "another-"),
        ("/usr/sbin/svc", ["/usr/sbin/svc"], "another-"),
    ],
)
def test_the_path_of_an_executable_breaks_no_line(pattern: str, argv: list[str], folder: str) -> None:
    exe = f"/tmp/\udcff\nERROR forged \x1b[31m/{folder}svc"
    identity = identify(argv, exe, user=0)
    assert identity is not None
    reason = matches(pattern_of(pattern), identity)
    assert reason is not None and r"its executable is /tmp/\udcff\nERROR forged \x1b[31m" in reason.why
    assert reason.why.isprintable()


def test_a_mention_is_what_ps_would_have_shown() -> None:
    line = "/opt/t120-agent --config /etc/x/agent.conf"
    assert mentions("t120-ag", line) and mentions("--config /etc/x/agent.conf ", line)
    assert not mentions("t121", line)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("/usr/sbin/corosync", "/usr/sbin/corosync-qdevice -f"),
        ("/usr/bin/nova-api", "/usr/bin/python3 /usr/bin/nova-api-metadata"),
        ("/usr/sbin/pacemaker", "/usr/sbin/pacemakerd"),
        ("sshd", "/usr/lib/openssh/sshd-session -R"),
        ("compute", "/usr/bin/nova-compute"),
        ("svc", "/usr/bin/my.svc"),
    ],
)
def test_a_program_is_not_mentioned_by_the_name_of_another(name: str, line: str) -> None:
    assert not mentions(name, line, whole=True)
    assert mentions(name, f"{line} {name}", whole=True) and mentions(name, f"{line} --run={name}", whole=True)


def test_one_process_may_be_several_entries() -> None:
    index = Index(Pattern.of(name) for name in ("nova-compute", NOVA, f"/usr/bin/python3 {NOVA}"))
    identity = identify(["/usr/bin/python3", NOVA], PY)
    assert identity is not None
    assert len(index.match(identity)) == 3


@pytest.mark.parametrize(
    ("unit", "counts"),
    [
        ("some-agent.service", True),
        ("openstack-some-agent.service", True),
        ("apache2.service", False),
        ("my-some-agent.service", False),
        ("some-agent@7.service", False),
        ("", False),
    ],
)
def test_a_service_that_has_moved_to_another_user_and_to_the_unit_of_its_own_name_is_the_service(
    unit: str, counts: bool
) -> None:
    known = AsSeen(frozenset({42}), frozenset({"agents.service"}))
    entry = replace(Pattern.of("/usr/bin/some-agent"), known=known)
    identity = identify(["/usr/bin/python3", "/usr/bin/some-agent"], "/usr/bin/python3")
    assert identity is not None
    reason = matches(entry, replace(identity, user=43, unit=unit))
    assert reason is not None and (reason.doubt == "") is counts


@pytest.mark.parametrize(
    ("units", "contained", "unit", "counts"),
    [
        ({"cron.service"}, True, IN_A_CONTAINER, False),
        ({""}, True, IN_A_CONTAINER, False),
        ({"cron.service"}, False, "", True),
        ({"cron.service"}, True, "cron.service", True),  # a container that is this unit of the host's
        ({"agents.service"}, True, "cron.service", True),
        ({"agents.service"}, True, IN_A_CONTAINER, False),
        ({"agents.service"}, True, "systemd-nspawn@c1.service", False),
        ({IN_A_CONTAINER, "cron.service"}, True, IN_A_CONTAINER, True),
        (set(), True, IN_A_CONTAINER, True),
    ],
)
@pytest.mark.parametrize("user", [0, 42])
def test_what_runs_in_a_container_is_not_the_service_that_ran_outside_of_all_alone(
    units: set[str], contained: bool, unit: str, counts: bool, user: int
) -> None:
    known = AsSeen(frozenset({user}), frozenset(units))
    identity = identify(["/usr/sbin/cron", "-f"], "/usr/sbin/cron")
    assert identity is not None
    here = replace(identity, user=user, unit=unit, contained=contained)
    for entry, right in (
        (Pattern.of("/usr/sbin/cron"), counts),
        (Pattern.of("/usr/sbin/cron", user=user), True),
    ):
        reason = matches(replace(entry, known=known), here)
        assert reason is not None and (reason.doubt == "") is right is not reason.elsewhere
