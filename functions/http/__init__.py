"""What all HTTP doors share."""
