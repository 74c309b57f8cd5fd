"""Nodes that are not listed any more, or say that they leave: how each of them went."""
