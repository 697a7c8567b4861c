"""HTTP/2 as APNs speaks it: one attempt is one request."""
