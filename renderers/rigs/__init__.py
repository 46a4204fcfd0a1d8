"""Camera rigs: the ring, files of cameras, transforms.json."""
