"""How Laurel runs: the real parts beside it and what starts them; imports nothing of ours."""
