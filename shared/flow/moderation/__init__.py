"""Moderators' verbs, and the reminders and statistics about their decisions."""
