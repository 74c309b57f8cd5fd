"""What Pacemaker's two documents say of the cluster: frozen records, the readers of them, and remarks; pure."""
