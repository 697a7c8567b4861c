"""Devices, and who among them a notification is for."""
