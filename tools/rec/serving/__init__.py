"""A service that ranks candidates over HTTP with an exported model."""
