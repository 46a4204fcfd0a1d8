"""The list of the scans and their splits."""
