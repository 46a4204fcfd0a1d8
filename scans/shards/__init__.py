"""Parquet shards, readable by pandas, DuckDB and Hugging Face datasets with no code of ours."""
