"""Cases as an earlier server of `tenview app` left them."""

import json
from pathlib import Path


def put(results: Path, case_id: str, **fields: object) -> Path:
    """A case as an earlier server left it."""
    folder = results / case_id
    folder.mkdir(parents=True)
    case = {"id": case_id, "name": "anna", "is_scan": False, "files": {}, "options": {}} | fields
    (folder / "case.json").write_text(json.dumps(case))
    return folder
