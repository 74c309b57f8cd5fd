"""The status as one HTML page for people: what is watched, what was ruled and why, what waits."""

from collections.abc import Iterable, Sequence
from html import escape

from masakarimonitors.status.health import Level, Sight
from masakarimonitors.status.model import MonitorStatus
from masakarimonitors.system.clock import Clock

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""The page runs no script and loads nothing."""

_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;vertical-align:top}
th{font-weight:600;border-bottom:1px solid #8888}td{border-bottom:1px solid #8883;overflow-wrap:anywhere}
.short{white-space:nowrap;overflow-wrap:normal}
.alarm{background:#d9302520;font-weight:600}.quiet{color:#777}
"""
# Subjects shown on the page; all of them are in status.json.
_SUBJECTS = 200
_VERDICTS = 50
# Columns whose cells must not be broken.
_SHORT = frozenset({"UTC", "ruling", "source"})


def render(statuses: Sequence[MonitorStatus], clock: Clock) -> str:
    """The whole page."""
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta http-equiv=refresh content=5>",
        f"<title>masakari-monitors</title><style>{_STYLE}</style></head><body><h1>masakari-monitors</h1>",
    ]
    for status in statuses:
        parts += _monitor(status, clock)
    parts.append(
        "<p class=quiet>Also here: <a href=status.json>status.json</a>, <a href=metrics>metrics</a>,"
    )
    parts.append(" <a href=livez>livez</a>, <a href=readyz>readyz</a>, <a href=healthz>healthz</a>.")
    parts.append(" Renewed every 5 s.</p></body></html>")
    # Half a character, as of a file's odd name, is none that a page can carry.
    return "".join(parts).encode("utf-8", "backslashreplace").decode()


def _monitor(status: MonitorStatus, clock: Clock) -> Iterable[str]:
    now, record = clock.now(), status.record
    up = now.monotonic - record.started.monotonic
    yield f"<h2>{escape(record.monitor)} <span class=quiet>up {up:.0f} s</span></h2>"
    judged = status.health(now)
    if judged.causes:
        for cause in judged.causes:
            mark = " class=alarm" if cause.level is Level.BLIND else ""
            yield f"<p{mark}>{escape(cause.line())}</p>"
    else:
        yield f"<p>{escape(judged.headline())}</p>"
    outbox = status.outbox()
    counts = (
        ", ".join(f"{count} {became}" for became, count in outbox.counts.items() if count)
        or "none settled yet"
    )
    yield f"<p>Reports: {outbox.pending} waiting, {escape(counts)}. Kept in {escape(outbox.where)}.</p>"
    delivered = ", ".join(f"{count} {state}" for state, count in outbox.delivered.items() if count)
    if delivered:
        yield f"<p>Of what masakari has: {escape(delivered)}. Delivered is not recovered.</p>"
    for trouble in filter(None, (outbox.disk_fault, outbox.api_trouble)):
        yield f"<p class=alarm>{escape(trouble)}</p>"
    for at, text in record.faults:
        yield f"<p class=alarm>{at.wall:%H:%M:%S} {escape(text)}</p>"
    if outbox.waiting:
        waiting = [(False, (row.subject, row.why)) for row in outbox.waiting[:_SUBJECTS]]
        yield _table(f"What waits for its turn ({len(outbox.waiting)})", ("subject", "waiting"), waiting)
    sources = [(s.state != "running", (s.name, s.state, s.seen)) for s in record.sources.values()]
    yield _table("What it listens to", ("source", "state", "last fault"), sources)
    views = [
        (one.view.sight is not Sight.PROVEN, (one.view.name, one.view.sight.value, one.view.why))
        for one in judged.views
    ]
    yield _table("What it sees", ("view", "state", "why"), views)
    rows = sorted(status.subjects(), key=lambda row: not row.alarm)
    shown = [(row.alarm, (row.subject, row.state, row.detail)) for row in rows[:_SUBJECTS]]
    yield _table(f"What it watches ({len(rows)})", ("subject", "state", "detail"), shown)
    rows = sorted(status.delivered(), key=lambda row: not row.alarm)
    if rows:
        shown = [(row.alarm, (row.subject, row.state, row.detail)) for row in rows[:_SUBJECTS]]
        yield _table(f"What masakari has ({len(rows)})", ("report about", "state", "detail"), shown)
    newest = list(reversed(record.verdicts))[:_VERDICTS]
    ruled = [
        (v.alarm, (f"{one.at.wall:%H:%M:%S}", v.subject, v.ruling, v.why, v.evidence, str(one.report or "")))
        for one in newest
        for v in (one.verdict,)
    ]
    yield _table("Verdicts, newest first", ("UTC", "subject", "ruling", "why", "evidence", "report"), ruled)


def _table(title: str, heads: Sequence[str], rows: Sequence[tuple[bool, Sequence[str]]]) -> str:
    if not rows:
        return f"<h3>{escape(title)}</h3><p class=quiet>nothing yet</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    marks = [" class=short" if name in _SHORT else "" for name in heads]
    body = "".join(
        f"<tr{' class=alarm' if alarm else ''}>"
        + "".join(f"<td{mark}>{escape(str(cell))}</td>" for mark, cell in zip(marks, cells, strict=True))
        + "</tr>"
        for alarm, cells in rows
    )
    return f"<h3>{escape(title)}</h3><table><tr>{head}</tr>{body}</table>"
