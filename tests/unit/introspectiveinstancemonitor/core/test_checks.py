from dataclasses import replace

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.checks import (
    Check,
    Match,
    asked_otherwise,
    begun_anew,
    given_more_time,
    questions,
)

NOVA = {"name": "web-1", "flavor": "m1.small", "project": "shop", "user": "alice"}


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (Match(names=("*",)), True),
        (Match(names=("instance-0*",)), True),
        (Match(names=("other", "instance-*")), True),
        (Match(names=("INSTANCE-*",)), False),
        (Match(uuids=("u-1", "u-2")), True),
        (Match(uuids=("u-2",)), False),
        (Match(nova=(("name", ("web-*",)),)), True),
        (Match(nova=(("name", ("web-*",)), ("project", ("prod",)))), False),
        (Match(names=("instance-*",), nova=(("flavor", ("m1.*",)), ("user", ("bob", "alice")))), True),
        (Match(names=("x*",), uuids=("u-1",)), False),
    ],
)
def test_every_part_must_fit_and_of_each_part_one_pattern(match: Match, fits: bool) -> None:
    assert match.fits("instance-00000001", "u-1", NOVA) is fits


def test_a_guest_without_novas_words_fits_no_pattern_about_them() -> None:
    assert not Match(nova=(("project", ("shop",)),)).fits("a", "u", {})


CHECK = Check(name="web", match=Match(), command=("/bin/probe",), exit_code=3, output="^ready")


def test_the_expected_end() -> None:
    assert CHECK.fault(3, None, "starting\nready to serve\n") is None


@pytest.mark.parametrize(
    ("exit_code", "signal", "output", "words"),
    [
        (0, None, "ready", "ended with exit code 0, not 3; it said 'ready'"),
        (1, None, "", "ended with exit code 1, not 3"),
        (None, 9, "", "was ended by signal 9"),
    ],
)
def test_any_other_end_is_named(exit_code: int | None, signal: int | None, output: str, words: str) -> None:
    fault = CHECK.fault(exit_code, signal, output)
    assert fault is not None and fault.endswith(words) and "/bin/probe" in fault


def test_an_output_that_does_not_match_is_named() -> None:
    assert (
        CHECK.mismatch("not ready\n")
        == "the output of /bin/probe does not match '^ready'; it said 'not ready'"
    )
    assert CHECK.mismatch(" ").endswith("does not match '^ready'")


def test_which_checks_begin_anew() -> None:
    web = Check(name="web", match=Match(names=("*",)), command=("/x",))
    db = replace(web, name="db")
    assert begun_anew([web, db], [web, db]) == frozenset()
    assert begun_anew([web, db], [db]) == {"web"}
    assert begun_anew([web], [replace(web, interval=1.0, failures=9), db]) == frozenset()
    assert begun_anew([web], [replace(web, match=Match(uuids=("u",)))]) == frozenset(), "of whom, not what"
    assert begun_anew([web], [replace(web, timeout=11.0)]) == frozenset(), "a milder one"
    for change in (
        {"command": ("/y",)},
        {"timeout": 1.0},
        {"exit_code": 1},
        {"output": "ok"},
    ):
        assert begun_anew([web, db], [replace(web, **change), db]) == {"web"}, change


def test_which_checks_are_given_more_time() -> None:
    web = Check(name="web", match=Match(names=("*",)), command=("/x",))
    before = questions([web, replace(web, name="db")])
    assert given_more_time(before, questions([replace(web, timeout=11.0)])) == {"web"}
    assert not given_more_time({}, questions([web])), "a new one"
    for change in ({"timeout": 9.0}, {"command": ("/y",), "timeout": 11.0}, {"interval": 1.0, "failures": 9}):
        assert not given_more_time(before, questions([replace(web, **change)])), change


def test_what_is_remembered_of_a_question_is_compared_and_what_is_no_such_thing_is_another() -> None:
    web = Check(name="web", match=Match(), command=("/x", "a b"))
    now = questions([web])
    assert now["web"].split()[1] == "10.0"
    assert not asked_otherwise(questions([replace(web, timeout=2.5)]), now)
    for before in ("", "x", now["web"].split()[0], f"{now['web']} 1"):
        assert asked_otherwise({"web": before, "gone": before}, now) == {"web"}, before
    assert asked_otherwise(questions([replace(web, command=("/x", "a", "b"))]), now) == {"web"}
