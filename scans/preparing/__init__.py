"""From a raw mesh to a clean, oriented, normalised one."""
