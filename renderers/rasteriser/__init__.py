"""The software rasteriser: visibility buffer, then shading."""
