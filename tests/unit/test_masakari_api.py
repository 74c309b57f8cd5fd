"""Every row of the answers table, and what a broken connection says about a report."""

import pytest

from masakarimonitors.masakari_api import Delivered, Duplicate, Refused, Unreachable, judge

DUPLICATE = (
    '{"conflictingRequest": {"code": 409, "message": "Duplicate notification received for type: PROCESS"}}'
)
MAINTENANCE = (
    '{"conflictingRequest": {"code": 409, "message": "Host c1 is already under maintenance, ignored."}}'
)


@pytest.mark.parametrize("status", [200, 202])
def test_accepted(status: int) -> None:
    assert isinstance(judge(status, "{}"), Delivered)


def test_the_words_tell_the_two_conflicts_apart() -> None:
    assert judge(409, DUPLICATE) == Duplicate("409 Duplicate notification received for type: PROCESS")
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
