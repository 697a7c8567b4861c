"""Our records in Firestore: through Google's client, and over REST on the hot path."""
