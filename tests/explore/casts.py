"""Whose elections are explored: each engine's, as a model."""

from typing import Any

from tests.explore.election_model import CONSUL
from tests.explore.elections import Ballot
from tests.explore.group_model import GROUPS
from tests.explore.lease_model import LEASE

BALLOTS: tuple[Ballot[Any], ...] = (CONSUL, LEASE, *GROUPS)
