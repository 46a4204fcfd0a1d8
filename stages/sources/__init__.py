"""Where raw scans come from: each module fills a folder with scans in their own files and says what is in it."""
