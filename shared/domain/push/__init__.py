"""A notification in the words of each push service, and what these answer, as pure values."""
