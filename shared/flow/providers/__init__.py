"""What providers and operators do with accounts, domains and keys."""
