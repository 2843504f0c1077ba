"""How did the tables come to be? Forward steps, never edited once landed."""
