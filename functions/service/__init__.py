"""The doors of Google's services and of Telegram."""
