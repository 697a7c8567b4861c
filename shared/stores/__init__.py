"""The records: how each is kept as documents, and how it is read, found and changed.

One class a record, over any ``Database``; used by the verbs as it is, for there is nothing to
choose.
"""
