"""Export, prove and read back what ended."""
