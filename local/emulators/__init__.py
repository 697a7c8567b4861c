"""Stand-ins on the wire for everything outside that a test must not reach. Never deployed."""
