"""The records: how each is kept as documents, and how it is read, found and changed.

One class a record, over any ``Database``; used by the verbs as it is, for there is nothing to
choose. ``…_fields`` builds a document's fields under their names in the specification, ``None``
where one is absent; ``…_from`` reads a document, which may hold only what another back end knew to
write, and raises ``Defect`` for one of ours that cannot be such a record. Of providers, domains and
devices, which others write too, only the odd field is lost, and named on the record.
"""
