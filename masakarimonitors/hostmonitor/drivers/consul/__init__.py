"""The driver for Consul: one datacentre for each link."""
