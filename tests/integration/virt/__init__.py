"""A real libvirtd with real QEMU instances, and what the two instance monitors do with them."""
