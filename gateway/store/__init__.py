"""What replicas share about calls."""
