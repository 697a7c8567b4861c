"""Look at content."""
