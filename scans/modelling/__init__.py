"""Meshes for CAD and print: decimation, solids, single teeth."""
