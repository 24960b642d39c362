"""The vocabulary: every event that Koikarper reads or writes. Imports pydantic and the standard library only."""
