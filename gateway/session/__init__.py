"""What happens in a call, decided without I/O. Pure."""
