"""The instance monitor: instances that crash, as libvirt tells it."""
