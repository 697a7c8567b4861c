"""What moderators read in their chat."""
