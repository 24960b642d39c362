"""Programs that print figures side by side; none is a timed test."""
