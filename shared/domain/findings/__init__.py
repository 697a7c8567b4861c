"""What there is to find about content before anybody decides on it."""
