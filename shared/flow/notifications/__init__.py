"""Creation and submission of notifications."""
