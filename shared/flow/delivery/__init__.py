"""Plan, send, count, and set going again."""
