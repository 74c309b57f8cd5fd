"""The receiver's page for people: the last notifications, newest first; pure text."""

import datetime
from collections.abc import Sequence
from html import escape

from masakarimonitors.receiver.store import Accepted

HEADERS = {
    "Cache-Control": "no-store",
    # The page needs its own style and nothing else: what a notification says can never run.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Refresh": "2",
    "X-Content-Type-Options": "nosniff",
}

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c2733; background: #fff }
.warning { border-left: 4px solid #c77700; padding: .4rem 1rem; background: #fff7e8 }
table { border-collapse: collapse; margin-top: 1rem }
th, td { text-align: left; padding: .3rem 1.2rem .3rem 0; border-bottom: 1px solid #dde3ea }
th, td { vertical-align: top }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) {
  body { color: #dbe3ec; background: #12181f }
  .warning { background: #2c2410 }
  th, td { border-color: #2b3642 }
}
"""


def render(rows: Sequence[Accepted], now: datetime.datetime) -> str:
    """The whole page; every value from outside is escaped."""
    body = "".join(_line(row) for row in rows)
    table = (
        "<table><tr><th>seen (UTC)<th>arrived after<th>type<th>host<th>what</tr>" + body + "</table>"
        if rows
        else "<p>Nothing has been reported yet.</p>"
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>masakari-monitors: embedded receiver</title>"
        f"<style>{_STYLE}</style><h1>Embedded receiver</h1>"
        "<p class=warning>Reports end here: they are kept and shown, and nothing is recovered."
        " A real cloud needs masakari-api and its engine.</p>"
        f"{table}<p>The last {len(rows)} notifications at {now:%H:%M:%S} UTC; renewed every 2 seconds.</p>"
    )


def _line(row: Accepted) -> str:
    late = (row.created_at - row.generated_time).total_seconds()
    what = ", ".join(f"{key} {value}" for key, value in sorted(row.payload.items()))
    cells = (f"{row.generated_time:%Y-%m-%d %H:%M:%S}", f"{late * 1000:.0f} ms", row.type, row.hostname, what)
    return "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells) + "</tr>"
