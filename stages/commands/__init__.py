"""Subcommands of `tenview` that are no DVC stage."""
