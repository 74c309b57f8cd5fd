"""Where a process stands: the unit of the host's own init system, whatever one in a container calls its own."""

import pytest

from masakarimonitors.processmonitor.core.recognition.place import IN_A_CONTAINER, Place, place_of

CONTAINED = Place(IN_A_CONTAINER, contained=True)
ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("groups", "place"),
    [
        ("0::/system.slice/nova-compute.service\n", Place("nova-compute.service")),
        ("0::/system.slice/nova-compute.service/worker\n", Place("nova-compute.service")),
        ("0::/openstack.slice/openstack-nova.slice/nova.service\n", Place("nova.service")),
        ("4:cpu:/\n1:name=systemd:/system.slice/nova.service\n0::/\n", Place("nova.service")),
        # What a user's own manager begins is of the unit of that manager.
        ("0::/user.slice/user-1.slice/user@1.service/app.slice/x.service\n", Place("user@1.service")),
        ("0::/init.scope\n", Place()),
        ("0::/openrc.nova\n", Place()),
        ("0::/\n", Place()),
        ("", Place()),
        # As a monitor in a container of its own sees the host's.
        ("0::/../nova.service\n", Place("nova.service")),
        ("0::/../../system.slice/nova.service\n", Place("nova.service")),
        ("0::/../docker-0123.scope/system.slice/nova.service\n", CONTAINED),
        # Docker, podman, Kubernetes; with an init system inside.
        ("0::/system.slice/docker-0123.scope\n", CONTAINED),
        ("0::/system.slice/docker-0123.scope/system.slice/nova-compute.service\n", CONTAINED),
        ("4:cpu:/docker/0123\n1:name=systemd:/docker/0123\n0::/system.slice/containerd.service\n", CONTAINED),
        (f"0::/its.parent/{ID}\n", CONTAINED),
        ("0::/containers.slice/libpod-0123.scope/container\n", CONTAINED),
        ("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-0123.scope\n", CONTAINED),
        ("4:cpu:/\n1:name=systemd:/kubepods/besteffort/pod1/0123\n", CONTAINED),
        # A container that is a unit of the host's (podman's quadlet).
        ("0::/system.slice/nova.service/libpod-payload-0123\n", Place("nova.service", contained=True)),
        # LXC, Incus, LXD.
        ("0::/lxc.payload.c1/system.slice/nova-compute.service\n", CONTAINED),
        ("1:name=systemd:/lxc/c1/system.slice/nova-compute.service\n", CONTAINED),
        ("0::/lxc.payload.c1/init.scope\n", CONTAINED),
        ("0::/lxc.monitor.c1\n", Place()),
        # systemd-nspawn, as a service and by hand; another engine.
        (
            "0::/containers.slice/systemd-nspawn@c1.service/payload/system.slice/nova-compute.service\n",
            Place("systemd-nspawn@c1.service", contained=True),
        ),
        ("0::/containers.slice/c1.scope/payload/system.slice/nova-compute.service\n", CONTAINED),
        (
            "0::/system.slice/mine.service/in/system.slice/nova.service\n",
            Place("mine.service", contained=True),
        ),
        ("0::/of-some-engine/c1/system.slice/nova-compute.service\n", CONTAINED),
    ],
)
def test_in_which_unit_of_the_host_or_in_a_container(groups: str, place: Place) -> None:
    assert place_of(groups, "0::/init.scope\n") == place_of(groups) == place


@pytest.mark.parametrize(
    ("groups", "of_init", "place"),
    [
        ("0::/docker/7/system.slice/x.service\n", "0::/docker/7/init.scope\n", Place("x.service")),
        ("0::/docker/7\n", "0::/docker/7\n", Place()),
        ("0::/docker/77\n", "0::/docker/7\n", CONTAINED),
        ("4:cpu:/lxc/c1\n0::/\n", "4:cpu:/lxc/c1\n0::/\n", Place()),
        ("0::/../nova.service\n", "0::/../../init.scope\n", Place("nova.service")),
        ("0::/../../system.slice/nova.service\n", "0::/../../init.scope\n", Place("nova.service")),
    ],
)
def test_in_a_container_with_the_monitor_is_no_container(groups: str, of_init: str, place: Place) -> None:
    assert place_of(groups, of_init) == place


def test_a_pid_namespace_below_is_a_container_of_whatever_engine() -> None:
    assert place_of("0::/\n", nested=True) == CONTAINED
    assert place_of("0::/system.slice/x.service\n", nested=True) == Place("x.service", contained=True)
