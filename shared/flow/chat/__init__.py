"""The moderators' chat, and what is done there."""
