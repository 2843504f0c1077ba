"""What is said: events, envelope, alerts, topics and wire names; nothing here does I/O."""
