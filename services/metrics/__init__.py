"""The exporter: what waits, as metrics, from a snapshot of the ledger."""
