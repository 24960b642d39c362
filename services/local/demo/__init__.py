"""The demo: teams that report, departments of different habits, and a live table of who waits how long."""
