"""The instance monitor: machines that crash, as libvirt tells it."""
