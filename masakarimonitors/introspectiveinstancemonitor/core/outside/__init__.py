"""The look from outside at a guest that does not answer: readings of its counters, and the verdict from them."""
