"""What a notification shows."""
