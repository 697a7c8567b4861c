"""Write the documents and their pages: ``python -m tests.docs.openapi``."""

from tests.docs.openapi.documents import documents, text_of
from tests.docs.openapi.page import pages

if __name__ == "__main__":
    for path, document in documents():
        path.write_text(text_of(document), encoding="utf-8")
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
