"""The providers' door."""
