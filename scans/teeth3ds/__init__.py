"""The Teeth3DS(+) data set: its folder layout and published files."""
