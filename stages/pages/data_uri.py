"""Pictures as addresses that hold them whole."""

import base64


def data_uri(png: bytes) -> str:
    """The `data:` URI of a PNG."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
