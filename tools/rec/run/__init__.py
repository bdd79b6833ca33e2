"""A run put together: config, checkpoint, reader, network, table and engine."""
