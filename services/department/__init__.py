"""The kit with which a department subscribes: take in each assignment once, and answer. Knows no other service."""
