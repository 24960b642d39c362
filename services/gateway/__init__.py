"""HTTP: checks the caller and the event, publishes, and answers when the broker has it. It holds no state."""
