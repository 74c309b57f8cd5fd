"""Hosts that die, played and shown: to people, and to pipes."""

import argparse
import fnmatch
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from masakarimonitors.cmd.console.arguments import meant
from masakarimonitors.cmd.console.exits import Exit
from masakarimonitors.cmd.console.tables import Column, Writer, for_people, whole
from masakarimonitors.cmd.console.terminal import say
from masakarimonitors.cmd.rehearsal.standing import Stands, other_rules
from masakarimonitors.core.decision import JSON

HOST = "host:"
"""What the name of a host begins with."""

_COLUMNS = (
    whole("host"),
    Column("fate"),
    whole("after"),
    Column("proof of death", "proof"),
    Column("held by", "held"),
    Column("why"),
)


def play(arguments: argparse.Namespace, rules: Any, stands: Stands, well: Sequence[str]) -> Exit:
    from masakarimonitors.hostmonitor.core.rehearsal import deaths
    from masakarimonitors.hostmonitor.core.rehearsal.supposed import Supposed

    policy = rules.policy
    known = [*(stands.state.hosts if stands.state is not None else well), policy.own]
    if well:
        known = list(well)
    links = policy.matrix.sequence
    unknown = [name for name in arguments.link if name not in links]
    dying, unfit = _dying(arguments, known, policy.domains)
    if unknown:
        unfit = [f"there is no link {unknown[0]} (there is: {', '.join(links)})", *unfit]
    if unfit:
        for why in unfit:
            say(why, to=sys.stderr)
        return Exit.WRONG_WORDS
    question = deaths.Question(
        hosts=dying,
        links=arguments.link,
        gap=arguments.gap,
        within=arguments.within,
        takeover=arguments.takeover,
    )
    supposed = Supposed(
        bmcs=rules.bmcs,
        unchecked=rules.unchecked,
        bmcs_answer=not arguments.no_bmc,
        fenced=arguments.fenced,
        alive=bool(arguments.link),
    )
    try:
        played = deaths.play(policy, question, supposed, now=stands.now, live=stands.state, well=well)
    except deaths.NoPlay as fault:
        say(f"{fault}.", to=sys.stderr)
        return Exit.AMISS
    remarks = [*_remarks(arguments, rules), *other_rules(stands, policy)]
    if arguments.json:
        print(json.dumps(_as_json(played, stands, remarks)))
    else:
        _show(played, stands, remarks)
    fine = all(one.fate is deaths.Fate.REPORTED for one in played.hosts) and not played.defects
    return Exit.FINE if fine else Exit.AMISS


def _dying(
    arguments: argparse.Namespace, known: Sequence[str], domains: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Who dies, and what was asked for that fits nobody."""
    found: dict[str, None] = {}
    unfit = []
    for word in arguments.what:
        name = word.removeprefix(HOST)
        fits = [host for host in known if fnmatch.fnmatchcase(host.casefold(), name.casefold())]
        found |= dict.fromkeys(fits)
        if not fits:
            unfit.append(f"no host is known by the name {name}{meant(name, known)}")
    for glob in arguments.rack:
        ours = [host for host in known if host in domains and fnmatch.fnmatchcase(domains[host], glob)]
        found |= dict.fromkeys(ours)
        if not ours:
            there = ", ".join(sorted(set(domains.values()))) or "none: [host] failure_domains_file names none"
            unfit.append(f"no host that is known stands in a failure domain {glob} (there is: {there})")
    return list(found), unfit


def _remarks(arguments: argparse.Namespace, rules: Any) -> list[str]:
    remarks = []
    if rules.trouble:
        remarks.append(
            f"of which hosts a BMC is known could not be found out, so none is supposed: {rules.trouble}"
        )
    if rules.driver == "pacemaker" and arguments.fenced is None and not arguments.link:
        remarks.append("Pacemaker fences nobody (say --fenced SECONDS if it does)")
    return remarks


# -- what is shown ----------------------------------------------------------------------------------


def _show(played: Any, stands: Stands, remarks: Sequence[str]) -> None:
    writer = Writer()
    count: dict[str, int] = {}
    for one in played.hosts:
        count[one.fate.value] = count.get(one.fate.value, 0) + 1
    whose = (
        f"as the host monitor here stood at {for_people(stands.now.wall)} UTC"
        if stands.state
        else "from none"
    )
    fates = ", ".join(f"{number} {fate}" for fate, number in count.items())
    writer.line(f"Played {whose}, nothing was sent: {fates}.")
    rows = [
        {
            "host": one.host,
            "fate": one.fate.value,
            "after": _after(one.reported),
            "proof": one.proof,
            "held": "; ".join(_held(hold) for hold in one.held),
            "why": one.why,
        }
        for one in played.hosts
    ]
    writer.rows("Hosts", _COLUMNS, rows, of=("host",), alarm=lambda row: row["fate"] != "reported")
    writer.rows(
        "Storms",
        (whole("scope"), whole("from"), whole("until"), whole("hosts")),
        _storms(played),
        of=("storm",),
    )
    for text in (f"Who reports: {played.reporter}.", *_sentences(played, remarks)):
        head, _, rest = text.partition(": ")
        if writer.is_terminal:
            writer.line(text)
        else:
            writer.fields(head.lower(), rest)


def _sentences(played: Any, remarks: Sequence[str]) -> list[str]:
    said = [f"Supposed: {text}." for text in played.supposed]
    return [*said, *(f"Mark: {text}." for text in remarks), *(f"Fault: {text}." for text in played.defects)]


def _storms(played: Any) -> list[dict[str, str]]:
    return [
        {
            "scope": one.scope,
            "from": _after(one.since),
            "until": _after(one.until) or "the end",
            "hosts": str(one.hosts),
        }
        for one in played.storms
    ]


def _after(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


def _held(hold: Any) -> str:
    end = f"until {_after(hold.until)}" if hold.until is not None else "to the end"
    again = f", looks again at {_after(hold.looks_again)}" if hold.looks_again is not None else ""
    return f"{hold.gate} ({hold.reason}) from {_after(hold.since)} {end}{again if hold.until is None else ''}"


def _as_json(played: Any, stands: Stands, remarks: Sequence[str]) -> dict[str, JSON]:
    return {
        "at": stands.now.wall.isoformat(),
        "from": "live" if stands.state is not None else "none",
        "known": played.known,
        "reporter": played.reporter,
        "hosts": [
            {
                "host": one.host,
                "fate": one.fate.value,
                "lost": one.lost,
                "reported": one.reported,
                "why": one.why,
                "proof": one.proof,
                "held": [
                    {
                        "gate": hold.gate,
                        "reason": hold.reason,
                        "why": hold.why,
                        "release": hold.release,
                        "since": hold.since,
                        "until": hold.until,
                        "looks_again": hold.looks_again,
                    }
                    for hold in one.held
                ],
            }
            for one in played.hosts
        ],
        "storms": [
            {"scope": one.scope, "since": one.since, "until": one.until, "hosts": one.hosts}
            for one in played.storms
        ],
        "supposed": list(played.supposed),
        "remarks": list(remarks),
        "defects": list(played.defects),
        "decisions": played.decisions,
    }
