"""A historical event log through the same loop, with the log as the clock (contract 7)."""
