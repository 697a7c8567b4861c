"""The devices' door."""
