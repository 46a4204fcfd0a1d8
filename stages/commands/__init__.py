"""Subcommands of `tenview` that are not DVC stages."""
