"""A real libvirtd with real QEMU machines, and what the two instance monitors do with them."""
