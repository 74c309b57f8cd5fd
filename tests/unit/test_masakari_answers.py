"""Every row of the answers table."""

import pytest

from masakarimonitors.masakari_answers import Delivered, Duplicate, Refused, Unreachable, judge

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


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "<html>Accepted</html>", '{"job": {"id": 1}}', '{"notification": {"no']
)
def test_that_something_was_accepted_is_no_proof_that_masakari_has_it_nor_that_it_has_not(
    status: int, text: str
) -> None:
    """A gateway answers so to everything; where it was masakari-api, its notifications have the report."""
    outcome = judge(status, text)
    assert isinstance(outcome, Unreachable) and outcome.maybe_accepted and "endpoint" in outcome.answer


def test_a_report_that_is_too_large_will_always_be() -> None:
    assert isinstance(judge(413, "413 Request Entity Too Large"), Refused)


def test_the_words_tell_the_two_conflicts_apart() -> None:
    assert judge(409, DUPLICATE) == Duplicate(
        "409 Notification received from host c1 of type PROCESS is duplicate."
    )
    refused = judge(409, MAINTENANCE)
    assert isinstance(refused, Refused)
    assert "high availability is off" in refused.why
    assert refused.maintenance


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


@pytest.mark.parametrize(
    ("status", "doubt"), [(408, True), (429, False), (502, True), (503, True), (504, True)]
)
def test_a_proxy_s_word_is_no_proof_that_nothing_has_arrived(status: int, doubt: bool) -> None:
    """Some say 503 of a connection, too, that ended after the request had gone; only who counts requests sends none."""
    outcome = judge(status, "upstream connect error or disconnect/reset before headers")
    assert isinstance(outcome, Unreachable) and outcome.maybe_accepted is doubt and not outcome.row_only


def test_a_missing_role_is_asked_for_slowly_and_a_server_error_is_the_row_s_own() -> None:
    forbidden, broken = judge(403, ""), judge(500, "")
    assert isinstance(forbidden, Unreachable) and forbidden.slow and not forbidden.maybe_accepted
    assert isinstance(broken, Unreachable) and broken.row_only and broken.maybe_accepted


def test_answers_are_one_bounded_line() -> None:
    outcome = judge(503, "a\nb\n" * 10_000)
    assert isinstance(outcome, Unreachable)
    assert "\n" not in outcome.answer and len(outcome.answer) < 600


def test_an_accepted_report_is_known_by_what_masakari_calls_it_and_its_host() -> None:
    text = '{"notification": {"notification_uuid": "n-1", "source_host_uuid": "h-1"}}'
    assert judge(202, text) == Delivered("202 n-1", "n-1", "h-1")
    text = '{"notification": {}}'
    assert judge(202, text) == Delivered(f"202 {text}")
    text = '{"links": [], "notification": {"notification_uuid": "n-1", "source_host_uuid": 7, "new": {}}}'
    outcome = judge(202, text)
    assert isinstance(outcome, Delivered) and outcome.uuid == "n-1"
