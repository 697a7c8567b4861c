"""The texts that moderators read in their chat."""
