"""The only place that knows the recorded code: its doors, its parts, and its documents' codecs.

When the inside of Fanfare is rebuilt, these modules are what changes, and no recording.
"""
