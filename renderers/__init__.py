import scans  # noqa: F401 - it says where numba keeps what it compiles
