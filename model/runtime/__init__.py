"""Devices, processes, signals and memory; no result depends on it."""
