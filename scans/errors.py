"""The one exception for problems that the user can mend."""


class UserError(Exception):
    """A problem that the user can mend.

    The message names the file or parameter, says what is wrong with it and what to do next. `tenview`
    prints it without a traceback and exits with 1.
    """


class ScanError(UserError):
    """One scan can't be used: broken, hostile or of the wrong kind. A stage may leave such a case out."""
