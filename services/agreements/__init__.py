"""Who answers what, within how long, and who is called when not: the agreements file, read and applied."""
