"""What both libvirt monitors share: the session, the URI, the states and lives of a domain."""
