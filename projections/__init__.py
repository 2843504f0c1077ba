"""What can be looked up: tables, rows, queries, views and migrations."""
