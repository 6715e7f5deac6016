"""The one exception whose message the command line prints as a single line before it exits with code 2."""


class CannotRun(Exception):
    """What was asked cannot be done here; the message is one line that says why and what helps."""
