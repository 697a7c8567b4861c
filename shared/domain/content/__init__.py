"""The content of a notification."""
