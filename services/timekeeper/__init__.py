"""The timekeeper: lets the moments pass at which nobody answered."""
