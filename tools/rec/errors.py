"""The one exception that means "the user can mend this": printed as a line, never as a traceback."""


class UserError(Exception):
    """A mistake in what the user gave: a config, a file, a line of data, a checkpoint.

    The message is the whole report: where (file, line, field), what was found, what was expected, what to do.
    Commands print it and exit with code 2.
    """
