"""Apple's push service: what it is sent, and what its answers mean."""
