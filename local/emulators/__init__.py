"""Emulators of every external service that a test must not reach, on the wire. Never deployed."""
