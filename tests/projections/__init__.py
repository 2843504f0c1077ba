"""What must be true of the read models."""
