"""The OpenAPI documents in ``docs/openapi``, and the pages made of them: ``make docs``.

    operations  what is said of each row of the table of routes beyond the row itself
    fields      one sentence for each field of each model
    examples    requests and answers, out of ``tests/recorded``
    documents   the documents: ``functions.http.openapi`` describes, this package explains
    page        a document as a page in Markdown

``provider-api`` serves its own document without all this, so none of it is deployed.
"""
