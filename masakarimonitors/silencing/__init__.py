"""How a person's silences reach a monitor: asked for at its socket, kept by it, shared where its hosts' engine can."""
