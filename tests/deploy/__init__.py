"""What must be true of the parts and commands that run Laurel."""
