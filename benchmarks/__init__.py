"""Measurements. Each ratio is of things measured in one run on one machine; see README.md beside
this.
"""
