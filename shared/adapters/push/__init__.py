"""The push services: a ``Sender`` each, and what senders share."""
