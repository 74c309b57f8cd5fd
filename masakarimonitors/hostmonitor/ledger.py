"""The ledger of open outages in the form in which a cluster engine keeps it for a successor."""

import datetime
import json
from collections.abc import Mapping

from masakarimonitors.hostmonitor.observation import LedgerEntry
from masakarimonitors.notifications import HostStatus


def read_ledger(value: bytes | str) -> Mapping[str, LedgerEntry] | None:
    """From `write_ledger`; None for anything else: an unreadable ledger is not an empty one."""
    try:
        return {
            str(host): LedgerEntry(
                HostStatus(entry["host_status"]),
                datetime.datetime.fromisoformat(entry["reported_at"]).astimezone(datetime.UTC),
                bool(entry["delivered"]),
            )
            for host, entry in json.loads(value).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError):
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
