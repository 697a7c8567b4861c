"""The moderators' chat: its messages, and the presses and replies in it."""
