"""Corosync beneath Pacemaker: quorum, this host's own links, the election among its members."""
