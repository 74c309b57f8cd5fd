"""What becomes of a report on its way: whether it may leave, and whether it is offered again."""
