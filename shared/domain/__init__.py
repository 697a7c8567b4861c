"""The rules of Fanfare: pure, in the words of the specification, with nothing of any cloud."""
