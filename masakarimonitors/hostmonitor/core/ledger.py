"""The ledger of open outages: what a leader writes down for the next one, and how a cluster engine keeps it.

Pure. In: the open outages that masakari was told of. Out: one JSON object, and back; what cannot be read is told
apart from an empty ledger.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass

from masakarimonitors.core.notification import HostStatus


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One open outage as the leader wrote it down for the next one.

    `reported_at` is the report's generated_time. `delivered`: masakari-api is known to have it.
    """

    host_status: HostStatus
    reported_at: datetime.datetime
    delivered: bool = False


def read_ledger(value: bytes | str) -> Mapping[str, LedgerEntry] | None:
    """From `write_ledger`; None for anything else, and never an error: an unreadable ledger is not an empty one."""
    try:
        return {
            str(host): LedgerEntry(
                HostStatus(entry["host_status"]),
                datetime.datetime.fromisoformat(entry["reported_at"]).astimezone(datetime.UTC),
                bool(entry["delivered"]),
            )
            for host, entry in json.loads(value).items()
        }
    # OverflowError: a time outside of the calendar once it is in UTC; RecursionError: nested too deeply.
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def write_ledger(entries: Mapping[str, LedgerEntry]) -> bytes:
    """About 100 bytes a host: Consul's limit (512 KiB) holds 5,000 open outages, Kubernetes' (256 KiB) half."""
    return json.dumps(
        {
            host: {
                "host_status": entry.host_status.value,
                "reported_at": entry.reported_at.isoformat(),
                "delivered": entry.delivered,
            }
            for host, entry in entries.items()
        },
        separators=(",", ":"),
    ).encode()
