"""Devices' verbs, and the sizes of audiences."""
