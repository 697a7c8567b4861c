"""The parts that all HTTP doors share."""
