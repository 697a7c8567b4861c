"""How a notification comes to be."""
