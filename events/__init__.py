"""The vocabulary: every event that Koikarper reads or writes. Imports pydantic and the standard library only."""

VERSION = "0.1.0"
"""The release of this vocabulary, which is that of the whole package (a test compares it with `pyproject.toml`)."""
