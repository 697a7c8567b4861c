"""What devices do, and how many there are."""
