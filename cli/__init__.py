"""``fanfare``: what an operator does at a terminal."""
