"""The web outside, reached only through the guard, and the threat lists."""
