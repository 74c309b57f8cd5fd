"""A connection to the Kubernetes API server: credentials, three calls, one kind of fault.

The maintained client (kubernetes_asyncio) reads every kind of credentials and speaks to the server;
it is imported here only, and only when a connection is made, because its models cost 40 MB. Answers
are taken as JSON.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

_GONE = 410


class ApiFault(Exception):
    """The API server did not give a usable answer; `status` is its HTTP status, 0 where there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        """Keep the status beside the words."""
        super().__init__(message)
        self.status = status

    @property
    def gone(self) -> bool:
        """The version to watch from is too old: list again."""
        return self.status == _GONE


@dataclass(frozen=True, slots=True)
class Account:
    """Where the server is and who we are: a kubeconfig file and its context, or what the machine has."""

    kubeconfig: str | None = None
    context: str | None = None


class Api:
    """One connection, with credentials read anew each time it is opened (tokens expire)."""

    def __init__(self, account: Account) -> None:
        """Nothing is opened before the block is entered."""
        self._account = account
        self._client: Any = None
        self._core: Any = None
        self._leases: Any = None

    async def __aenter__(self) -> Self:
        """Read the credentials; raises ApiFault."""
        try:
            from kubernetes_asyncio import client, config
        except ImportError as fault:
            raise ApiFault(f"the Python package kubernetes_asyncio is missing: {fault}") from fault
        settings = client.Configuration()
        try:
            if self._account.kubeconfig or "KUBERNETES_SERVICE_HOST" not in os.environ:
                await config.load_kube_config(
                    config_file=self._account.kubeconfig,
                    context=self._account.context,
                    client_configuration=settings,
                    persist_config=False,
                )
            else:
                config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError, ValueError, TypeError, KeyError) as fault:
            raise ApiFault(f"no usable credentials: {fault}") from fault
        # Tried again by us, with what is known of the view in between.
        settings.retries = None
        self._client = client.ApiClient(configuration=settings)
        self._core = client.CoreV1Api(self._client)
        self._leases = client.CoordinationV1Api(self._client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()

    async def list_nodes(self, selector: str, timeout: float, limit: int | None = None) -> Mapping[str, Any]:
        """A NodeList, read from the store itself and not from a cache; raises ApiFault."""
        return await self._json(
            self._core.list_node, timeout, **_without_none(label_selector=selector or None, limit=limit)
        )

    async def watch_nodes(self, selector: str, version: str, seconds: int) -> AsyncIterator[tuple[str, Any]]:
        """(type, object) of each change after `version`, for at most `seconds`; raises ApiFault.

        The server ends the stream; a connection that is dead without a word is given up a little later.
        """
        call = self._core.list_node(
            **_without_none(label_selector=selector or None),
            watch=True,
            resource_version=version,
            timeout_seconds=seconds,
            allow_watch_bookmarks=True,
            _preload_content=False,
            _request_timeout=seconds + 15,
        )
        try:
            response = await call
        except Exception as fault:
            raise _fault(fault) from fault
        try:
            await _raise_for_status(response)
            while line := await response.content.readline():
                event = json.loads(line)
                kind, item = str(event.get("type")), event.get("object") or {}
                if kind == "ERROR":
                    raise ApiFault(str(item.get("message") or item), int(item.get("code") or 0))
                yield kind, item
        except ApiFault:
            raise
        except Exception as fault:
            raise _fault(fault) from fault
        finally:
            response.close()

    async def read_lease(self, namespace: str, name: str, timeout: float) -> Mapping[str, Any] | None:
        """The Lease, None where there is none; raises ApiFault."""
        try:
            return await self._json(
                self._leases.read_namespaced_lease, timeout, name=name, namespace=namespace
            )
        except ApiFault as fault:
            if fault.status == 404:
                return None
            raise

    async def write_lease(self, namespace: str, body: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
        """Create it, or replace the version that it names; a lost race is an ApiFault with status 409."""
        if "resourceVersion" in body["metadata"]:
            call, more = self._leases.replace_namespaced_lease, {"name": body["metadata"]["name"]}
        else:
            call, more = self._leases.create_namespaced_lease, {}
        return await self._json(call, timeout, namespace=namespace, body=dict(body), **more)

    async def _json(self, call: Any, timeout: float, **arguments: Any) -> Mapping[str, Any]:
        try:
            response = await call(**arguments, _preload_content=False, _request_timeout=timeout)
            try:
                await _raise_for_status(response)
                answer: Mapping[str, Any] = json.loads(await response.read())
            finally:
                response.close()
        except ApiFault:
            raise
        except Exception as fault:
            raise _fault(fault) from fault
        return answer


def _without_none(**arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


async def _raise_for_status(response: Any) -> None:
    if response.status >= 300:
        text = (await response.read())[:500].decode("utf-8", "replace")
        with contextlib.suppress(ValueError, AttributeError):
            text = str(json.loads(text).get("message") or text)
        raise ApiFault(f"{response.status} {' '.join(text.split())}", response.status)


def _fault(fault: Exception) -> ApiFault:
    """The client raises its own, aiohttp's, ssl's and asyncio's exceptions alike: here they become one."""
    if isinstance(fault, asyncio.TimeoutError):
        return ApiFault("no answer in time")
    status = getattr(fault, "status", 0)
    words = " ".join(str(getattr(fault, "reason", None) or fault).split())[:300] or type(fault).__name__
    return ApiFault(words, status if isinstance(status, int) else 0)
