"""The archive: lines, objects, manifests, and what they prove."""
