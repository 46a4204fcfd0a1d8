"""The parameter tree, its table and the presets."""
