"""Verbs of providers and operators on accounts, domains and keys."""
