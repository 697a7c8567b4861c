"""The one place that knows how our records look as documents, and as the API's JSON.

``…_fields`` gives every field of a record under its name in the specification, ``None`` where it
is absent; ``…_from`` reads a document, which may hold only what another back end knew to write,
and raises ``Defect`` for one of ours that cannot be such a record. Of providers, domains and
devices, which others write too, only the odd field is lost, and named on the record. Nothing here
knows any store.
"""
