"""Programs of those whom Laurel is measured against, each a process of its own."""
