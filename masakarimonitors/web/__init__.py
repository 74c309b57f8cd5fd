"""One page, three probes and one scrape for all monitors of a host."""
