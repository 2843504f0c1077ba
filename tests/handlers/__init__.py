"""What must be true of the handlers."""
