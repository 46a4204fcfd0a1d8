"""What programs call the labels in a mesh file."""

import re

LABEL_NAME = re.compile(r"((scalar|vertex|point|face|cell|tooth|fdi)s?[_ ]?)*(labels?|fdi)", re.IGNORECASE)


def holds_labels(name: str | None) -> bool:
    """Whether a property or array of this name holds FDI labels: label, labels, fdi, scalar_label, Face_Label ..."""
    return name is not None and LABEL_NAME.fullmatch(name.strip()) is not None
