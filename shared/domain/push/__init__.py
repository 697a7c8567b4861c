"""A notification in the words of each push service, as pure values: rendering and its bounds."""
