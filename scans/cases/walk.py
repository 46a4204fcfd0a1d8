"""All files below a folder, each once, with an account of what can't or shouldn't be entered."""

import os
from pathlib import Path

from scans.cases.naming import readable

HIDDEN = "hidden, or litter of a system"
# Folders that systems and programs keep; their hidden ones begin with a dot.
LITTER = {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found", "__pycache__"}
LITTER |= {"thumbs.db", "desktop.ini", "ehthumbs.db"}


class Walk:
    """A walk through a folder and its subfolders. Links are followed; what lies there itself comes before a link to it.

    Attributes:
        files: regular files, hidden ones and those in hidden folders excepted.
        left_out: why each other file or folder was passed by.
    """

    def __init__(self, folder: Path):
        self.files: list[Path] = []
        self.left_out: dict[Path, str] = {}
        self._known: dict[tuple[int, int], Path] = {}
        self._links: list[Path] = []
        self._folder = folder
        self._enter(folder)
        while self._links:
            self._visit(self._links.pop(0))

    def _enter(self, folder: Path) -> None:
        if not self._is_new(folder):
            return
        try:
            paths = sorted(folder.iterdir(), key=os.fsencode)
        except OSError as error:
            self.left_out[folder] = f"can't be opened ({error.strerror})"
            return
        for path in paths:
            if path.name.startswith(".") or path.name.lower() in LITTER:
                self.left_out[path] = HIDDEN
            elif path.is_symlink():
                self._links.append(path)
            else:
                self._visit(path)

    def _visit(self, path: Path) -> None:
        try:
            if path.is_dir():
                self._enter(path)
            elif path.is_file():
                if self._is_new(path):
                    self.files.append(path)
            else:
                self.left_out[path] = "a link to nothing" if path.is_symlink() else "no regular file"
        except OSError as error:
            self.left_out[path] = f"can't be opened ({error.strerror})"

    def _is_new(self, path: Path) -> bool:
        status = path.stat()
        known = self._known.setdefault((status.st_dev, status.st_ino), path)
        if known != path:
            there = "." if known == self._folder else readable(known.relative_to(self._folder))
            self.left_out[path] = f"a link to {there}, which is taken itself"
        return known == path
