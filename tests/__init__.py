"""What must be true of Laurel."""
