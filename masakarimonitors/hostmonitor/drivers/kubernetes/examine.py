"""What `masakari-monitors check` asks of the API server: may this account do what its monitor will do?

In: the options, as the driver has read them. Out: one `Finding` for each right, with what is missing and what follows
from it. The Lease of the election is created here when there is none, as nobody holds it.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from masakarimonitors.hostmonitor.drivers.base import Finding, Weight
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import (
    NODE_LEASES,
    REFUSALS,
    Api,
    ApiFault,
    Credentials,
)
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.lease import blank_lease
from masakarimonitors.hostmonitor.drivers.kubernetes.own_node import OwnNames, find_own, who
from masakarimonitors.hostmonitor.drivers.kubernetes.parse import NodeSeen, read_node
from masakarimonitors.hostmonitor.drivers.kubernetes.peers import (
    name_of,
    needs,
    not_ours,
    selector,
    words_lease,
)

_PATIENCE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is going to be used: the nodes of `selector`, and the Lease by its namespace and name; None: no election.

    `fleet`: the host whose monitor is to say how it is on a Lease of its own; empty: none does.
    """

    credentials: Credentials
    selector: str
    own: OwnNames
    lease: tuple[str, str] | None
    fleet: str = ""


async def examine(question: Question) -> list[Finding]:
    """Everything in order, or what is not."""
    try:
        async with Api(question.credentials) as api:
            return [finding async for finding in _findings(api, question)]
    except ApiFault as fault:
        return [Finding(Weight.FAULT, f"kubernetes: {fault}")]


async def _findings(api: Api, question: Question) -> AsyncIterator[Finding]:
    try:
        nodes, version = await _list(api, question.selector)
    except ApiFault as fault:
        yield Finding(
            Weight.FAULT, f"kubernetes: the nodes cannot be listed ({fault}): {_missing('nodes', 'list')}"
        )
        return
    if not nodes:
        yield Finding(
            Weight.FAULT,
            f"kubernetes: no node matches [kubernetes] monitoring_node_labels = {question.selector!r}, so nothing is "
            "watched",
        )
        return
    yield Finding(Weight.OK, f"kubernetes: {len(nodes)} nodes are listed")
    yield await _own(api, question.own, nodes)
    yield await _watch(api, question.selector, version)
    yield await _node_leases(api)
    if question.lease is not None:
        yield await _lease(api, *question.lease)
        if question.fleet and (lacks := await _fleet(api, *question.lease, question.fleet)) is not None:
            yield lacks


def _missing(resource: str, *verbs: str) -> str:
    return f"the account needs {', '.join(verbs)} on {resource}"


async def _list(api: Api, selector: str) -> tuple[list[NodeSeen], str]:
    nodes: list[NodeSeen] = []
    version = ""
    async with aclosing(api.list_nodes(selector, _PATIENCE)) as pages:  # type: ignore[type-var]
        async for shown, items in pages:
            version = shown
            try:
                nodes += [read_node(item) for item in items]
            except ValueError as fault:
                raise ApiFault(f"the API server sent {fault}") from fault
    return nodes, version


async def _own(api: Api, own: OwnNames, nodes: list[NodeSeen]) -> Finding:
    if own.nowhere:
        return Finding(Weight.OK, "kubernetes: this monitor runs on no Node, as [kubernetes] node_name says")
    try:
        found = await find_own(api, own, nodes, _PATIENCE)
    except (ApiFault, ValueError) as fault:
        return Finding(Weight.FAULT, f"kubernetes: this host's own Node cannot be read: {fault}")
    if found is None:
        return Finding(Weight.FAULT, f"kubernetes: {who(own)}. Until then nothing is reported")
    return Finding(Weight.OK, f"kubernetes: this host is the Node {found.name}")


async def _watch(api: Api, selector: str, version: str) -> Finding:
    try:
        async with aclosing(api.watch_nodes(selector, version, 1)) as events:  # type: ignore[type-var]
            async for _ in events:
                break
    except ApiFault as fault:
        need = (
            _missing("nodes", "watch")
            if fault.status in REFUSALS
            else "whatever stands before the API server cuts it"
        )
        return Finding(
            Weight.WARNING,
            f"kubernetes: the nodes cannot be watched ({fault}): {need}. They are listed again and again instead, and "
            "a loss is seen some seconds later",
        )
    return Finding(Weight.OK, "kubernetes: the nodes can be watched")


async def _node_leases(api: Api) -> Finding:
    try:
        await api.list_node_leases(_PATIENCE)
    except ApiFault as fault:
        return Finding(
            Weight.WARNING,
            f"kubernetes: the Leases in {NODE_LEASES} cannot be read ({fault}): "
            f"{_missing(f'leases of coordination.k8s.io in {NODE_LEASES}', 'list')}. Without them a control plane that "
            "has stopped, or an API server that this host's kubelet does not reach, is noticed late",
        )
    return Finding(Weight.OK, f"kubernetes: the Leases in {NODE_LEASES} can be read")


async def _fleet(api: Api, namespace: str, name: str, own: str) -> Finding | None:
    """What keeps this host's monitor from saying how it is, or from reading that of the others when it reports."""
    called, foreign = name_of(name, own), ""
    try:
        there = await api.read_lease(namespace, called, _PATIENCE)
        if there is None or not (foreign := not_ours(namespace, name, called, there)):
            try:
                await api.write_lease(namespace, words_lease(name, own, "", there), _PATIENCE, trial=True)
            except ApiFault as fault:
                if fault.status != 409:  # its monitor has said something meanwhile
                    raise
        async with aclosing(api.list_leases(namespace, selector(name), _PATIENCE)) as leases:  # type: ignore[type-var]
            async for _ in leases:
                break
    except ApiFault as fault:
        need = f": {needs(namespace)}" if fault.status == 403 else ""
        return Finding(
            Weight.WARNING,
            f"kubernetes: the Leases beside {namespace}/{name} cannot be used ({fault}){need}. {_LACKS}",
        )
    return Finding(Weight.WARNING, f"kubernetes: {foreign}. {_LACKS}") if foreign else None


_LACKS = (
    "The view of the monitors of all hosts lacks this one, or is not there; nothing else suffers ([host] fleet_view = "
    "false wants none)"
)


async def _lease(api: Api, namespace: str, name: str) -> Finding:
    where = f"the Lease {namespace}/{name}"
    resource = f"leases of coordination.k8s.io in {namespace}"
    verb = "get"
    made = False
    try:
        body = await api.read_lease(namespace, name, _PATIENCE)
        if body is None:
            verb, made = "create", True
            body = await api.write_lease(namespace, blank_lease(name), _PATIENCE)
        verb = "update"
        await api.write_lease(namespace, body, _PATIENCE, trial=True)
    except ApiFault as fault:
        if fault.status == 409:  # its holder has renewed it meanwhile: it is in use
            return Finding(Weight.OK, f"kubernetes: {where} is in use")
        need = f": {_missing(resource, 'get', 'create', 'update')}" if fault.status == 403 else ""
        if fault.status == 404 and verb == "create":
            need = f": is there a namespace {namespace}? [kubernetes] lease_namespace names it"
        return Finding(
            Weight.FAULT,
            f"kubernetes: {where} refuses {verb} ({fault}){need}. No monitor can be elected, so all of them report",
        )
    return Finding(Weight.OK, f"kubernetes: {where} {'was created, and ' if made else ''}can be used")
