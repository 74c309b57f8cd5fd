"""What `masakari-monitors check` asks of Consul: does each datacentre show what its monitor must see, and may it elect?

In: the options, as the driver has read them. Out: findings, each with what is missing and what follows from it. The
store is left as it is: whether keys may be written is asked with a transaction that cannot succeed, and the session
that is made here to try that right is ended again.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass

from masakarimonitors.core.finding import Finding, fault, ok, warning
from masakarimonitors.hostmonitor.drivers.consul import parse
from masakarimonitors.hostmonitor.drivers.consul.agent import LEADERS, Access, Agent, AgentFault, Forbidden
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import CHALLENGE, LEDGER, LOCK
from masakarimonitors.hostmonitor.drivers.consul.leadership.keys import ElectionKeys
from masakarimonitors.hostmonitor.drivers.consul.peers import prefix_of, right
from masakarimonitors.hostmonitor.drivers.consul.prover import NotShown, Prover
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from masakarimonitors.hostmonitor.drivers.consul.watch import HEALTH
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.tasks import side_by_side

_CONFLICT = 409
_NOBODYS = "00000000-0000-0000-0000-000000000000"
"""A session that there never is, so that no key is held by it."""
_FOLLOWS = "No reporter can be elected, so every monitor reports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is going to be used: each datacentre's agent, in the order of the links, and what this node is called.

    `prefix`: of the election's keys in the first datacentre, which ends with a slash; None: no election. `fleet`:
    whether what each monitor says of itself is to stand beside them.
    """

    agents: Mapping[str, Access]
    own: str
    prefix: str | None
    fleet: bool = False


async def examine(question: Question, clock: Clock, rhythm: Rhythm | None = None) -> list[Finding]:
    """Everything in order, or what is not: the datacentres side by side, each request within `rhythm`'s patience."""
    rhythm = rhythm or Rhythm()
    works = [
        _datacentre(question, link, access, clock, rhythm, elects=number == 0 and question.prefix is not None)
        for number, (link, access) in enumerate(question.agents.items())
    ]
    return [finding for findings in await side_by_side(works) for finding in findings]


async def _datacentre(
    question: Question, link: str, access: Access, clock: Clock, rhythm: Rhythm, *, elects: bool
) -> list[Finding]:
    async with Agent(access) as agent:
        sight, answers = await _sight(question.own, link, access, agent, clock, rhythm)
        if not answers or not elects or question.prefix is None:
            return [sight]
        found = [one async for one in _election(agent, link, question.prefix, question.own, rhythm, clock)]
        seen = await _fleet(agent, link, question, rhythm.patience) if question.fleet else ()
        return [sight, *found, *seen]


async def _sight(
    own: str, link: str, access: Access, agent: Agent, clock: Clock, rhythm: Rhythm
) -> tuple[Finding, bool]:
    """Whether the datacentre's word can be used, by the rule by which the monitor takes it; and whether it answers."""
    where = f"consul: the datacentre {link}"
    nodes: Collection[str] = ()
    prover = Prover(
        own, agent, clock, rhythm, asyncio.Event(), on_fresh=lambda at, seconds: None, on_behind=lambda: None
    )
    try:
        nodes = parse.read_checks((await agent.get(HEALTH, rhythm.load, LEADERS)).body).health
        await prover.probe()
        prover.check_company(nodes)
    except NotShown as error:
        useless = f"{where} is of no use here: {error}{_nearly(own, nodes)}. The link would be blind"
        return fault(useless), True
    except Forbidden as error:
        need = 'node_prefix "" { policy = "read" }'
        closed = f"{where} may not be read ({error}): the token needs {need}. The link would be blind"
        return fault(closed), True
    except (AgentFault, ValueError) as error:
        return fault(
            f"{where} cannot be seen ({error}): the link would be blind. See [consul] agent_{link}"
        ), False
    return ok(f"{where} shows {len(nodes)} nodes, this one among them and alive, by {access.address}"), True


def _nearly(own: str, nodes: Collection[str]) -> str:
    """The nodes that may be this one under another name."""
    first = own.partition(".")[0].casefold()
    near = [node for node in sorted(nodes) if node != own and node.partition(".")[0].casefold() == first]
    return (
        f". There is a node {', '.join(near)}: [DEFAULT] hostname must be Consul's name, too" if near else ""
    )


async def _election(
    agent: Agent, link: str, prefix: str, own: str, rhythm: Rhythm, clock: Clock
) -> AsyncIterator[Finding]:
    """Whether a reporter can be elected: sessions, and the keys."""
    session_right = await _session(agent, link, own, rhythm.patience)
    yield session_right
    keys = ElectionKeys(agent, prefix, clock, patience=rhythm.patience, wait=rhythm.wait)
    need = f'the token needs key_prefix "{prefix}" {{ policy = "write" }}'
    try:
        record = await keys.read()
        denied = await _denied(agent, [prefix + key for key in (LOCK, LEDGER, CHALLENGE)], rhythm.patience)
    except Forbidden as error:
        yield fault(
            f"consul: the keys below {prefix} in {link} may not be used ({error}): {need}. {_FOLLOWS}"
        )
    except AgentFault as error:
        yield fault(f"consul: the keys below {prefix} in {link} cannot be used ({error}). {_FOLLOWS}")
    else:
        if denied:
            yield fault(f"consul: {', '.join(denied)} in {link} may not be written: {need}. {_FOLLOWS}")
            return
        leader = record.leader.node if record.session and record.leader else ""
        now = f"{leader} is the reporter" if leader else "nobody is the reporter yet"
        yield ok(f"consul: the keys below {prefix} in {link} can be read and written; {now}")


async def _fleet(agent: Agent, link: str, question: Question, patience: float) -> Sequence[Finding]:
    """Whether this host's monitor may say how it is; what else is in the way is said of the election already."""
    assert question.prefix is not None
    prefix = prefix_of(question.prefix)
    try:
        denied = await _denied(agent, [prefix + question.own], patience)
    except Forbidden:
        denied = [prefix + question.own]
    except AgentFault:
        denied = []
    return [
        warning(
            f"consul: {key} in {link} may not be written: the token needs {right(prefix)}. The reporter's view of the "
            "monitors of all hosts lacks this one; nothing else suffers ([host] fleet_view = false wants none)"
        )
        for key in denied
    ]


async def _session(agent: Agent, link: str, own: str, patience: float) -> Finding:
    wanted = {
        "Name": f"masakari-monitors check on {own}",
        "TTL": "10s",
        "Behavior": "release",
        "LockDelay": "0s",
    }
    try:
        answer = await agent.put("/v1/session/create", patience, json.dumps(wanted).encode())
        made = answer.json()
        session = made.get("ID") if isinstance(made, dict) else None
        if not session:
            raise AgentFault("Consul made a session and did not say which")
        await agent.put(f"/v1/session/destroy/{session}", patience)
    except Forbidden as error:
        need = 'session_prefix "" { policy = "write" }'
        return fault(f"consul: no session can be had in {link} ({error}): the token needs {need}. {_FOLLOWS}")
    except AgentFault as error:
        return fault(f"consul: no session can be had in {link} ({error}). {_FOLLOWS}")
    return ok(f"consul: a session can be had in {link}")


async def _denied(agent: Agent, keys: Sequence[str], patience: float) -> list[str]:
    """Those of these keys that this token may not write; raises AgentFault.

    Consul looks at all rights before it carries anything out, and it carries out nothing: nobody holds the lock by that
    session.
    """
    value = base64.b64encode(b"").decode()
    acts = [{"Verb": "check-session", "Key": keys[0], "Session": _NOBODYS}]
    acts += [{"Verb": "set", "Key": key, "Value": value} for key in keys]
    body = json.dumps([{"KV": act} for act in acts]).encode()
    answer = await agent.put("/v1/txn", patience, body, accept=_CONFLICT)
    if answer.status != _CONFLICT:
        raise AgentFault("a transaction that must fail has succeeded: is this a Consul agent?")
    told = answer.json()
    errors = told.get("Errors") if isinstance(told, dict) else None
    if not isinstance(errors, list) or not all(isinstance(one, dict) for one in errors):
        raise AgentFault("a transaction failed, and the answer does not say why")
    numbers = {one.get("OpIndex", 0) for one in errors if "ermission denied" in str(one.get("What", ""))}
    return [act["Key"] for number, act in enumerate(acts) if number in numbers and act["Verb"] == "set"]
