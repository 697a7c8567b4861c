"""Fanfare's library: rules (domain), verbs (flow), their needs (ports), machines (adapters)."""
