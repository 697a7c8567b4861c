"""What today's code answers and stores, recorded, so that a change inside changes nothing outside.

    answers/    requests to every door, with what was answered, logged and enqueued
    documents/  documents as they lie in the database, what is read of them and written back
    moves/      what requests and tasks make of the documents in Firestore
    openapi/    the description of the providers' API
    wire/       what is sent to the push services

Only ``entrances`` knows the code that is recorded; when that is rebuilt, it alone changes. A change
that is meant is recorded with ``python -m tests.recorded``, which prints what became different.
"""
