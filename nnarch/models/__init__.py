"""One file a published model: a frozen config and a module. No loss, no data."""
