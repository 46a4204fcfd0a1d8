"""Reading and writing the mesh files that scanners and data sets use, vertex order kept."""
