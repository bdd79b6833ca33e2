"""Settings searched by trials, each a training of its own, whose validations say which are best."""
