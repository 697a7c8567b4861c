"""Delivery, from an approved notification to an outcome for each device."""
