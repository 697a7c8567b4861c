"""Firebase Cloud Messaging: what it is sent, and what its answers mean."""
