"""What both libvirt monitors share: the session, the URI, the states of a domain."""
