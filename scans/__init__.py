"""Scans (triangle meshes of jaws): mesh files, frame, cleaning, sampling, shards, synthetic jaws, cameras."""

from scans.compiled import choose_cache

choose_cache()
