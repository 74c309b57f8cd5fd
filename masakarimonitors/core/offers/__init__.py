"""What masakari did not take, and when it is offered again."""
