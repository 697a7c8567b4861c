"""Addresses on the web: taken apart, named, and told from those that open an app."""
