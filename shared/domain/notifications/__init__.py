"""A notification and its life: moves, history, review."""
