"""The driver for Kubernetes: Nodes and a Lease."""
