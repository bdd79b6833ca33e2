"""`--help TOPIC`: what a section of a config may say, from the declarations that check it."""
