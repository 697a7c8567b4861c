"""Secrets that prove who we are to a push service, as people upload them.

What plainly means a usable credential is understood, however it was pasted; anything that can be
seen to be unusable without asking the service is refused when the settings are read.
"""


class CredentialsRefused(Exception):
    """They cannot be used, and waiting does not help; the sentence says what to do."""
