import importlib.metadata

from stages.commands.doctor import _unmet


def test_a_package_in_a_version_that_was_ruled_out_is_named() -> None:
    """As SQLAlchemy 2.1, with which Prefect's scheduler fails in silence."""
    version = importlib.metadata.version("sqlalchemy")
    assert list(_unmet(["sqlalchemy<2.1", "numpy>=2.0", "onnx>99; extra == 'onnx'"])) == []
    assert list(_unmet(["numpy>=2.0", "sqlalchemy<1"])) == [f"sqlalchemy {version}, needed <1"]
