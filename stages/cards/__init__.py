"""Dataset card and model card (README.md), in Hugging Face's form."""
