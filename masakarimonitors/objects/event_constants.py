"""Compatibility: the words of an event, under the names that third-party host drivers import."""

from masakarimonitors.core.notification import ClusterStatus, HostEvent, HostStatus


class EventConstants:
    """Types, events and states, each the word on the wire."""

    TYPE_PROCESS = "PROCESS"
    TYPE_COMPUTE_HOST = "COMPUTE_HOST"
    TYPE_VM = "VM"
    EVENT_STARTED = HostEvent.STARTED.value
    EVENT_STOPPED = HostEvent.STOPPED.value
    HOST_STATUS_NORMAL = HostStatus.NORMAL.value
    HOST_STATUS_UNKNOWN = HostStatus.UNKNOWN.value
    CLUSTER_STATUS_ONLINE = ClusterStatus.ONLINE.value
    CLUSTER_STATUS_OFFLINE = ClusterStatus.OFFLINE.value
