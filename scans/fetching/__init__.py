"""Downloading and unpacking archives; checksums decide the bytes, not this code."""
