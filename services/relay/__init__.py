"""The relay: from the outbox to the topics, in order for each signal (design 1.3)."""
