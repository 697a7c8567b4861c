"""Where the archive can stand, and who signs for it."""
