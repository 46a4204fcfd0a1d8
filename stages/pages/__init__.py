"""Parts of the HTML pages of `report` and `compare`: tables, charts, and scenes for the 3D view."""
