"""Export, proof and replay of notifications that ended."""
