"""How notifications look as documents; nothing here knows any store."""
