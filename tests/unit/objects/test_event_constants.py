"""The words that third-party host drivers put into their events."""

from masakarimonitors.objects.event_constants import EventConstants


def test_each_name_is_its_word_on_the_wire() -> None:
    """Plain text: a driver compares them, joins them and puts them into JSON."""
    words = {name: value for name, value in vars(EventConstants).items() if name.isupper()}
    assert words == {
        "TYPE_PROCESS": "PROCESS",
        "TYPE_COMPUTE_HOST": "COMPUTE_HOST",
        "TYPE_VM": "VM",
        "EVENT_STARTED": "STARTED",
        "EVENT_STOPPED": "STOPPED",
        "HOST_STATUS_NORMAL": "NORMAL",
        "HOST_STATUS_UNKNOWN": "UNKNOWN",
        "CLUSTER_STATUS_ONLINE": "ONLINE",
        "CLUSTER_STATUS_OFFLINE": "OFFLINE",
    }
    assert {type(value) for value in words.values()} == {str}
