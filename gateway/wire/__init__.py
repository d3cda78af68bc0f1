"""Messages of the two networks as bytes and as values. Pure."""
