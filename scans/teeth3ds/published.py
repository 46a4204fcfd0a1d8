"""The facts about Teeth3DS(+) as it is published: files, sizes, checksums and names in the archives."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

PAGE = "https://osf.io/xctdy"
NODES = "https://osf.io/5cmg3 (scans) and https://osf.io/um96h (landmarks)"  # parts of PAGE
GONE = "the links of osf.io are reported to answer 410 (gone) since June 2026"

ORIGIN = (
    "{cases} scans of Teeth3DS+ (https://osf.io/xctdy), CC BY-NC-ND 4.0: downloaded by the user, for non-commercial "
    "use, and never to be redistributed, neither the scans nor what is made of them."
)
LICENSE = "cc-by-nc-nd-4.0"
JAWS = ("upper", "lower")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file of the data set.

    Attributes:
        id: the last part of its address.
        size: in bytes, about.
        md5: where it is known.
    """

    name: str
    id: str
    size: int
    md5: str | None = None


# All parts together have 8.29 GB; of the sizes one by one, the first alone is known.
SCANS = (
    PublishedFile("data_part_1.zip", "qhprs", 1_520_000_000, "77c924235c4f1ca05a4727633c590801"),
    PublishedFile("data_part_2.zip", "4pwnr", 1_130_000_000),
    PublishedFile("data_part_3.zip", "frwdp", 1_130_000_000),
    PublishedFile("data_part_4.zip", "2arn4", 1_130_000_000),
    PublishedFile("data_part_5.zip", "xrz5f", 1_130_000_000),
    PublishedFile("data_part_6.zip", "23hgq", 1_130_000_000),
    PublishedFile("data_part_7.zip", "u83ad", 1_130_000_000),
)
SAMPLE = (PublishedFile("teeth3ds_sample.zip", "vr38s", 4_200_000),)
LANDMARKS = (
    PublishedFile("3DTeethLand_landmarks_train.zip", "k5hbj", 5_000_000),
    PublishedFile("3DTeethLand_landmarks_test.zip", "sqw5e", 5_000_000),
)
SPLITS = (
    PublishedFile("training_upper.txt", "zs5cg", 10_000),
    PublishedFile("training_lower.txt", "zkge5", 10_000),
    PublishedFile("testing_upper.txt", "c8g6u", 5_000),
    PublishedFile("testing_lower.txt", "snwye", 5_000),
)
UNPACKED_PER_PACKED = 29.17 / 8.29  # both jaws; one is about half of it

_MEMBER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)_(upper|lower)(\.obj|\.json|__kpt\.json)", re.IGNORECASE)
_KINDS = {".obj": "mesh", ".json": "labels", "__kpt.json": "landmarks"}


def recognise(name: str) -> tuple[str, str, str] | None:
    """What a file of the data set is by its name, in whatever folder, the letters of jaw and suffix in any case.

    Returns:
        ("mesh", "labels" or "landmarks", case id, jaw), or None where it belongs to no scan.
    """
    match = _MEMBER.fullmatch(PurePosixPath(name).name)
    return (_KINDS[match[3].lower()], match[1], match[2].lower()) if match else None
