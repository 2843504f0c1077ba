"""How it moves: Faust apps, transport, intake, engine, clock, relay, edges."""
