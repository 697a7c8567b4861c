"""What is archived: lines, objects, manifests, and what they prove."""
