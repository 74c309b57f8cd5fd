"""From the outbox to masakari-api: when a row is offered, and what each answer means for it."""
