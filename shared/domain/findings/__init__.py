"""Findings about content, made before it is decided on."""
