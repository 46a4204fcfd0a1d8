"""What a scan is: files, frame, cleaning, sampling, shards."""

from scans.compiled import choose_cache

choose_cache()
