"""Every row of the answers table, and what a broken connection says about a report."""

import pytest

from masakarimonitors.masakari_api import Delivered, Duplicate, Refused, Unreachable, judge

DUPLICATE = (
    '{"conflictingRequest": {"code": 409, "message": "Notification received from host c1 of type PROCESS is'
    ' duplicate."}}'
)
MAINTENANCE = (
    '{"conflictingRequest": {"code": 409, "message": "Notification received from host c1 of type \'VM\' is'
    ' ignored as the host is already under maintenance."}}'
)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_accepted(status: int) -> None:
    assert isinstance(judge(status, '{"notification": {"id": 1}}'), Delivered)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "<html>Welcome to nginx!</html>"),
        (200, "[]"),
        (204, ""),
        (300, '{"choices": [{"id": "v1.0", "status": "CURRENT"}]}'),
        (301, ""),
        (308, ""),
        (400, "<html><h1>400 Bad Request</h1>The plain HTTP request was sent to HTTPS port</html>"),
        (405, "<html>Not Allowed</html>"),
        (409, "<html>conflict</html>"),
        (418, ""),
        (422, ""),
    ],
)
def test_whoever_answers_but_is_not_masakari_api_settles_nothing(status: int, text: str) -> None:
    outcome = judge(status, text)
    assert isinstance(outcome, Unreachable)
    assert "endpoint" in outcome.answer
    assert not outcome.maybe_accepted


def test_a_report_that_is_too_large_will_always_be() -> None:
    assert isinstance(judge(413, "413 Request Entity Too Large"), Refused)


def test_the_words_tell_the_two_conflicts_apart() -> None:
    assert judge(409, DUPLICATE) == Duplicate(
        "409 Notification received from host c1 of type PROCESS is duplicate."
    )
    refused = judge(409, MAINTENANCE)
    assert isinstance(refused, Refused)
    assert "high availability is off" in refused.why


def test_a_host_that_is_called_maintenance_is_not_on_maintenance() -> None:
    text = "Notification received from host node-maintenance-1 of type VM is duplicate."
    assert isinstance(judge(409, text), Duplicate)


def test_a_bad_request_is_a_configuration_fault() -> None:
    refused = judge(400, '{"badRequest": {"message": "Host with name x could not be found."}}')
    assert isinstance(refused, Refused)
    assert "failover segment" in refused.why
    assert refused.answer == "400 Host with name x could not be found."


@pytest.mark.parametrize("status", [401, 403, 404, 408, 425, 429, 500, 502, 503, 504, 599])
def test_whatever_may_pass_is_kept(status: int) -> None:
    assert isinstance(judge(status, "<html>nginx</html>"), Unreachable)


def test_a_missing_role_is_asked_for_slowly_and_a_server_error_is_the_row_s_own() -> None:
    forbidden, broken = judge(403, ""), judge(500, "")
    assert isinstance(forbidden, Unreachable) and forbidden.slow and not forbidden.maybe_accepted
    assert isinstance(broken, Unreachable) and broken.row_only and broken.maybe_accepted


def test_answers_are_one_bounded_line() -> None:
    outcome = judge(503, "a\nb\n" * 10_000)
    assert isinstance(outcome, Unreachable)
    assert "\n" not in outcome.answer and len(outcome.answer) < 600
