"""`tenview app`: a page on this machine where pictures or scans are dropped and jaws come out."""
