"""The data stages write the same bytes whatever instructions the processor has.

Child processes leave some of this processor's instructions out, as another processor would: OpenBLAS and NumPy by
settings of their own, the C library (whose `exp`, `sin` ... use fused multiply-add where there is one) by
GLIBC_TUNABLES, compiled code by numba's target. All must write what a process with all instructions writes.
"""

import ast
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

PROCESSORS = {
    "openblas": {"OPENBLAS_CORETYPE": "Prescott"},
    "numpy": {"NPY_DISABLE_CPU_FEATURES": ",".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", ()))},
    "glibc": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F"},
    "numba-and-all": {
        "NUMBA_CPU_NAME": "x86-64",
        "NUMBA_CPU_FEATURES": "",
        "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,AVX,SSE4.2,SSE4.1",
        "ARROW_USER_SIMD_LEVEL": "NONE",
    },
}
PROCESSORS["numba-and-all"] |= PROCESSORS["openblas"] | PROCESSORS["numpy"] | PROCESSORS["glibc"]

# Modules that decide no byte of data/: how files are fetched, found, written whole, jaws are measured for a comparison,
# meshes are made for CAD and print, and what the user is told.
NO_DATA = {"scans/compiled.py", "scans/errors.py", "scans/files.py", "scans/fetching", "scans/morphometry.py"}
NO_DATA |= {"renderers/opengl.py", "scans/modelling"}
DECIDING = ("scans", "renderers", "stages/per_case/prepare_case.py", "stages/per_case/render_case.py")
DECIDING += ("stages/prepare.py", "stages/render.py", "stages/sources")

# By the C library, NumPy or BLAS, with other last bits on other processors. scans.elementary and scans.vectors have
# the same. (`sqrt`, `floor`, `ldexp`, `radians` ... are exact, or one multiplication.)
TRANSCENDENTAL = {
    *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "dist", "erf", "exp", "exp2"),
    *("expm1", "gamma", "hypot", "lgamma", "log", "log10", "log1p", "log2", "pow", "sin", "sinh", "sumprod", "tan"),
    *("tanh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "float_power", "logaddexp"),
    *("logaddexp2", "power", "sinc"),
}
SUMMED = {
    *("average", "convolve", "correlate", "corrcoef", "cov", "dot", "einsum", "inner", "kron", "matmul", "mean"),
    *("nanmean", "nansum", "prod", "std", "sum", "tensordot", "trace", "trapezoid", "var", "vdot", "vecdot"),
}
ALLOWED = {
    ("renderers/rigs/rig_files.py", "hypot"): "whether a camera stands where it may",
    ("renderers/rigs/rig_files.py", "@"): "whether a camera sees the jaw",
    ("scans/preparing/label_order.py", "sum"): "whether labels are refused, at a threshold that none is near",
    ("scans/preparing/label_order.py", "mean"): "the same",
    ("scans/preparing/frame.py", "log"): "the unit that a message guesses",
    ("scans/fdi.py", "sum"): "of whole numbers",
    ("scans/mesh_files", "sum"): "of whole numbers",
    ("scans/teeth3ds/layout.py", "sum"): "of whole numbers",
    ("scans/synthetic/patient.py", "gamma"): "NumPy's generator: its logarithm only decides what is rejected",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, project: Path) -> dict[str, str]:
    return run_data_stages(tmp_path_factory.mktemp("here"), project, {})


def run_data_stages(folder: Path, project: Path, environment: dict[str, str]) -> dict[str, str]:
    """The digests of what the data stages write, by file."""
    shutil.copytree(project / "rigs", folder / "rigs")
    ended = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", project / "tests" / "data_stages.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(project), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.slow
@pytest.mark.xdist_group("same_bytes")
@pytest.mark.timeout(1500)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have other settings")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_another_processor_writes_the_same_bytes(
    processor: str, written: dict[str, str], tmp_path: Path, project: Path
) -> None:
    assert len(written) > 80
    elsewhere = run_data_stages(tmp_path, project, PROCESSORS[processor])
    assert elsewhere.keys() == written.keys()
    assert [name for name, digest in written.items() if elsewhere[name] != digest] == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have other settings")
@pytest.mark.parametrize("processor", ["openblas", "numpy", "glibc"])
def test_the_settings_do_change_last_bits(processor: str) -> None:
    """Otherwise the test above would prove nothing: each setting changes a function that the stages leave alone."""
    flags = Path("/proc/cpuinfo").read_text()
    if " avx2 " not in flags or " fma " not in flags or (processor == "numpy" and " avx512f " not in flags):
        pytest.skip("this processor has nothing to leave out")
    code = {
        "openblas": "x = np.random.default_rng(0).random((100, 100)); r = x @ x.T",
        "numpy": "r = np.exp(np.linspace(0, 1, 10000))",
        "glibc": "r = np.array([math.exp(x / 1e4) for x in range(10000)])",
    }[processor]
    code = f"import hashlib, math, numpy as np; {code}; print(hashlib.sha256(r.tobytes()).hexdigest())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for environment in ({}, PROCESSORS[processor])
    }
    assert len(outputs) == 2


def deciding_modules(project: Path) -> Iterator[Path]:
    for name in DECIDING:
        paths = sorted((project / name).rglob("*.py")) if (project / name).is_dir() else [project / name]
        for path in paths:
            relative = path.relative_to(project)
            if not {str(relative), *map(str, relative.parents)} & NO_DATA:
                yield path


def inexact(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """What in a module may give other last bits on another machine, and the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.AugAssign):
            if isinstance(node.op, ast.MatMult):
                yield "@", node.lineno
            if isinstance(node.op, ast.Pow) and not exact_power(node):
                yield "**", node.lineno
        elif isinstance(node, ast.Attribute):
            if node.attr == "linalg" or node.attr in TRANSCENDENTAL | SUMMED:
                yield node.attr, node.lineno
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("scans."):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name in TRANSCENDENTAL | SUMMED)
        elif isinstance(node, ast.keyword) and node.arg in ("fastmath", "parallel"):
            yield node.arg, node.value.lineno


def exact_power(node: ast.BinOp | ast.AugAssign) -> bool:
    """x ** 2, which is x · x, and powers of constants, which Python computes."""
    base, exponent = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
    if isinstance(exponent, ast.UnaryOp):
        exponent = exponent.operand
    constant = isinstance(base, ast.Constant) or (isinstance(base, ast.Name) and base.id.isupper())
    whole = isinstance(exponent, ast.Constant) and isinstance(exponent.value, int)
    named = isinstance(exponent, ast.Name) and exponent.id.isupper()
    return (constant and (whole or named)) or (isinstance(exponent, ast.Constant) and exponent.value == 2)


def test_no_module_of_the_data_stages_computes_with_what_differs_between_processors(project: Path) -> None:
    found = [
        (str(path.relative_to(project)), what, line)
        for path in deciding_modules(project)
        for what, line in inexact(ast.parse(path.read_text()))
    ]
    found_within = {(part, what) for path, what, _ in found for part in (path, *map(str, Path(path).parents))}
    wrong = [
        f"{path}:{line}: {what}"
        for path, what, line in found
        if not {(part, what) for part in (path, *map(str, Path(path).parents))} & ALLOWED.keys()
    ]
    assert wrong == [], "use scans.elementary and scans.vectors, or say in ALLOWED why no byte depends on it"
    assert ALLOWED.keys() <= found_within, "no longer needed"


@pytest.mark.parametrize(
    "line",
    [
        "a @ b",
        "a @= b",
        "a ** 3",
        "a ** b",
        "2.0 ** b",
        "np.linalg.norm(a)",
        "np.dot(a, b)",
        "a.dot(b)",
        "a.sum()",
        "np.exp(a)",
        "math.hypot(a, b)",
        "from math import hypot",
        "njit(fastmath=True)",
        "np.einsum('i,i->', a, b)",
    ],
)
def test_the_check_finds_what_it_is_for(line: str) -> None:
    assert list(inexact(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["a ** 2", "2 ** 21", "2.0 ** -54", "np.sqrt(a)", "from scans.vectors import dot\ndot(a, b)"]
)
def test_the_check_lets_pass_what_is_exact(line: str) -> None:
    assert not list(inexact(ast.parse(line)))
