"""The moderators' door."""
