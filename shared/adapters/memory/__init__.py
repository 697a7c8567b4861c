"""Stores that live as long as the process: for tests, and for trying a change out quickly.

They pass the same contract tests as the Firestore adapters (``tests/adapters``).
"""
