"""Requests on the wire, where one attempt is one request."""
