"""Of which states of a domain silence would mean something."""

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.observation import Availability, availability_of
from masakarimonitors.libvirt.domain_state import DomainState


@pytest.mark.parametrize(
    ("state", "availability"),
    [
        (DomainState.RUNNING, Availability.RUNNING),
        (DomainState.BLOCKED, Availability.RUNNING),
        (DomainState.PAUSED, Availability.PAUSED),
        (DomainState.SHUTDOWN, Availability.SHUTTING_DOWN),
        (DomainState.CRASHED, Availability.CRASHED),
        (DomainState.PMSUSPENDED, Availability.PAUSED),
        (99, Availability.RUNNING),
    ],
)
def test_the_availability_of_a_domain_that_is_listed_as_active(
    state: int, availability: Availability
) -> None:
    assert availability_of(state) is availability
