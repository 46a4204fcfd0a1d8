"""What the pages of `report` and `compare` are made of: tables, charts, and scenes for the 3D view."""
