"""The places where the archive can stand, and the key that signs its manifests."""
