"""Options become parts: the API client, the outbox, the delivery's patience, one monitor.

Shared by every command that runs monitors. Reads conf; what it returns no longer does.
"""

import importlib
import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keystoneauth1 import adapter, loading
from keystoneauth1 import exceptions as ks_exceptions
from oslo_config import cfg

from masakarimonitors.conf import ConfigFault
from masakarimonitors.daemon import Memory, Monitor
from masakarimonitors.masakari_api import MINIMUM_TIMEOUT, TIMEOUT, MasakariApi
from masakarimonitors.outbox.delivery import DeliveryPolicy
from masakarimonitors.outbox.memory import MemoryStore
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.sqlite import InUse, SqliteStore
from masakarimonitors.outbox.store import Store
from masakarimonitors.system.clock import Clock

LOG = logging.getLogger(__name__)

MONITORS = ("processmonitor", "instancemonitor", "introspectiveinstancemonitor", "hostmonitor")
"""Every monitor, in the order in which `run` starts them."""


class NotBuilt(Exception):
    """This release does not hold that monitor."""


def monitor_module(name: str) -> Any:
    """The module that builds a monitor; raises NotBuilt."""
    path = f"masakarimonitors.{name}.monitor"
    if importlib.util.find_spec(path) is None:
        raise NotBuilt(f"masakari-{name} is not part of this release: it watches nothing and ends here.")
    return importlib.import_module(path)


def obstacle(name: str, conf: cfg.ConfigOpts) -> str:
    """Why that monitor cannot work on this machine, or nothing; raises NotBuilt, ConfigFault.

    A monitor's module may offer `cannot_work(conf) -> str`; one that does not can always be tried.
    """
    look: Callable[[cfg.ConfigOpts], str] = getattr(monitor_module(name), "cannot_work", lambda conf: "")
    return look(conf)


def build_monitor(name: str, conf: cfg.ConfigOpts, memory: Memory, clock: Clock) -> Monitor[Any, Any]:
    """One monitor, wired but not running; raises ConfigFault, NotBuilt."""
    monitor: Monitor[Any, Any] = monitor_module(name).build(conf, memory, clock)
    return monitor


def api_client(conf: cfg.ConfigOpts, endpoint: str | None = None) -> MasakariApi:
    """The client of masakari-api that `[api]` describes, or of `endpoint` with no authentication."""
    auth: Any
    if endpoint is not None:
        auth = loading.get_plugin_loader("none").load_from_options(endpoint=endpoint)
        session = loading.session.Session().load_from_options(auth=auth, timeout=TIMEOUT)
        return MasakariApi(adapter.Adapter(session, service_type="instance-ha"))
    if conf.api.auth_type == "password" and not conf.api.auth_section and not conf.api.auth_url:
        raise ConfigFault(
            "[api] does not say how masakari-api is reached. Set auth_url, username, password, project_name, "
            "user_domain_name and project_domain_name there; or auth_type = none with endpoint = "
            "http://127.0.0.1:15868/v1 for `masakari-monitors receiver`."
        )
    try:
        auth = loading.load_auth_from_conf_options(conf, "api")
        session = loading.load_session_from_conf_options(conf, "api", auth=auth)
    except (ks_exceptions.ClientException, OSError, ValueError) as fault:
        raise ConfigFault(f"The [api] section cannot be used: {fault}") from fault
    options = conf.api
    # Without one, keystone asked for a token could hold a thread for ever, and in the end all of them.
    session.timeout = max(float(options.timeout or TIMEOUT), MINIMUM_TIMEOUT)
    return MasakariApi(
        adapter.Adapter(
            session,
            service_type=options.service_type or "instance-ha",
            service_name=options.service_name,
            interface=options.valid_interfaces or options.api_interface.removesuffix("URL"),
            region_name=options.region_name or options.region,
            endpoint_override=options.endpoint_override,
        ),
        api_version=options.api_version,
        timeout=session.timeout,
    )


def delivery_policy(conf: cfg.ConfigOpts, name: str) -> DeliveryPolicy:
    """How patiently the API is asked on behalf of a monitor: each has its own section of the manual."""
    match name:
        case "processmonitor":
            tries, interval = conf.process.api_retry_max, conf.process.api_retry_interval
        case "hostmonitor":
            tries, interval = conf.host.api_retry_max, conf.host.api_retry_interval
        case _:
            tries, interval = conf.callback.retry_max, conf.callback.retry_interval
    # An interval of 0 would keep a dead API busy; the manual's options allow it, so it is raised.
    return DeliveryPolicy(tries, max(float(interval), 1.0), expiry=float(conf.notification_expiry))


def make_outbox(conf: cfg.ConfigOpts, state: Path | None, name: str, clock: Clock) -> Outbox:
    """The outbox of a monitor under the state folder, or in memory without one; raises ConfigFault."""
    store: Store
    if state is None:
        store = MemoryStore()
    else:
        try:
            store = SqliteStore(state / f"{name}.sqlite")
        except (InUse, OSError) as fault:
            raise ConfigFault(str(fault)) from fault
    return Outbox(store, clock, keep=conf.outbox_history_count)
