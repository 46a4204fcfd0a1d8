"""What the parsers of this package raise; `read_mesh` turns it into a ScanError that names the file."""


class MalformedError(ValueError):
    """The bytes are no usable mesh; the message is the reason, without the file's name."""
