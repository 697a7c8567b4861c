"""Secrets that prove who we are to a push service, as people upload them.

What is recognisably a usable credential is understood, however it was pasted; anything that can be
seen to be unusable without asking the service is refused when the settings are read.
"""


class CredentialsRefused(Exception):
    """Error for credentials that cannot be used, now or later; the sentence says what to do."""
