"""The demonstration call and its pictures."""
