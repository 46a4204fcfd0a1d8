"""Exact nearest neighbours on CUDA: a Triton kernel, and the same in plain PyTorch where Triton can't run."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

try:
    import triton
    import triton.language as tl
except ImportError:  # PyTorch brings it along on Linux alone
    triton = None

QUERIES, TARGETS = 64, 32  # of a tile, which a program holds in registers
PROGRAMS = 2048  # that a launch has at least, as long as there are targets to share out: about 16 for each processor
FALLBACK_PAIRS = 1 << 27  # products that the fallback holds at once, 512 MiB
BLOCK, BLOCKS = 32, 8  # targets of a block, and blocks that are compared exactly
ROUNDING = 16 * 2.0**-24  # of a squared distance by products, relative to the square of the lengths
OLDEST = (7, 0)  # compute capability that Triton supports


def nearest_on_cuda(queries: torch.Tensor, targets: torch.Tensor, *, other: bool = False) -> torch.Tensor:
    """Index of the nearest target of each query, exact in float32; of several equally near ones the lowest.

    Squared distances are rounded as on the CPU (no fused multiply-add), so both name the same neighbour.

    Args:
        queries: (B, N, 3) float32.
        targets: (B, M, 3) float32, M > 0; a case of fewer points is padded with infinity.
        other: queries and targets are the same clouds, and a point is not its own neighbour; M > 1.

    Returns:
        (B, N) int64. A query that holds NaN gets any index.
    """
    if triton is not None and (not queries.is_cuda or torch.cuda.get_device_capability(queries.device) >= OLDEST):
        return _with_triton(queries, targets, other)
    return _with_torch(queries, targets, other)


def _with_torch(queries: torch.Tensor, targets: torch.Tensor, other: bool) -> torch.Tensor:
    """A matrix product finds the few blocks of targets that may hold the nearest; only these are compared exactly.

    Where that can't be told for certain, as with many coinciding targets, all are compared.
    """
    found = []
    for own_queries, own_targets in zip(queries, targets, strict=True):
        rows = max(1, FALLBACK_PAIRS // len(own_targets))
        for start in range(0, len(own_queries), rows):
            part = own_queries[start : start + rows]
            own = torch.arange(start, start + len(part), device=part.device) if other else None
            found.append(_among_blocks(part, own_targets, own))
    return torch.cat(found).view(queries.shape[:2])


def _among_blocks(queries: torch.Tensor, targets: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
    count = len(targets)
    padding = -count % BLOCK
    padded = torch.nn.functional.pad(targets, (0, 0, 0, padding), value=torch.inf)
    center = targets.nan_to_num(posinf=0.0).mean(dim=0)
    a, b = queries - center, (padded - center).nan_to_num(posinf=0.0)
    squares = torch.where(torch.isinf(padded[:, 0]), torch.inf, (b * b).sum(dim=1))  # (M,)
    with _exact_products():
        rough = torch.addmm(squares, a, b.T, alpha=-2)  # (rows, M), but for the query's own square
    if own is not None:
        rough[torch.arange(len(own), device=own.device), own] = torch.inf
    blocks = rough.view(len(a), -1, BLOCK).amin(dim=2)
    near = blocks.topk(min(BLOCKS + 1, blocks.shape[1]), largest=False)
    reach = a.norm(dim=1) + squares.nan_to_num(posinf=0.0).max().sqrt()
    doubt = 2 * ROUNDING * reach**2
    columns = near.indices[:, :BLOCKS].sort(dim=1).values[..., None] * BLOCK
    columns = (columns + torch.arange(BLOCK, device=a.device)).flatten(1)  # (rows, BLOCKS * BLOCK)
    index = columns.gather(1, _first_nearest(queries, padded[columns], own, columns)[:, None])[:, 0]
    if blocks.shape[1] > BLOCKS:
        unsure = (~(near.values[:, BLOCKS] > near.values[:, 0] + doubt)).nonzero()[:, 0]
        step = max(1, FALLBACK_PAIRS // 8 // count)
        for few in unsure.split(step):
            every = torch.arange(count, device=a.device)[None]
            index[few] = _first_nearest(queries[few], targets[None], None if own is None else own[few], every)
    return index


def _first_nearest(
    queries: torch.Tensor, targets: torch.Tensor, own: torch.Tensor | None, columns: torch.Tensor
) -> torch.Tensor:
    """(N,) place of the nearest of (N or 1, K, 3) targets, whose indices are `columns` (N or 1, K), ascending."""
    squares = (queries[:, None, 0] - targets[..., 0]).square_()
    for axis in (1, 2):
        squares.add_((queries[:, None, axis] - targets[..., axis]).square_())
    if own is not None:
        squares.masked_fill_(columns == own[:, None], torch.inf)
    squares.nan_to_num_(nan=torch.inf, posinf=torch.inf)
    least = squares.min(dim=1, keepdim=True).values
    # `argmin` does not say which of several equal ones it names.
    places = torch.arange(squares.shape[1], device=squares.device)
    return torch.where(squares == least, places, squares.shape[1] - 1).min(dim=1).values


@contextmanager
def _exact_products() -> Iterator[None]:
    """Matrix products in float32 proper, not in the tensor cores' TF32."""
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32 = before


def _with_triton(queries: torch.Tensor, targets: torch.Tensor, other: bool) -> torch.Tensor:
    cases, n, m = queries.shape[0], queries.shape[1], targets.shape[1]
    tiles = triton.cdiv(n, QUERIES)
    # With few queries the targets are shared out, too, and the best of the parts is found afterwards.
    parts = max(1, min(triton.cdiv(PROGRAMS, tiles * cases), triton.cdiv(m, 16 * TARGETS)))
    per_part = triton.cdiv(triton.cdiv(m, parts), TARGETS) * TARGETS
    parts = triton.cdiv(m, per_part)
    squares = torch.empty(cases, parts, n, dtype=torch.float32, device=queries.device)
    indices = torch.empty(cases, parts, n, dtype=torch.int32, device=queries.device)
    _nearest[(tiles, parts, cases)](
        queries.transpose(1, 2).contiguous(),
        targets.transpose(1, 2).contiguous(),
        squares,
        indices,
        n,
        m,
        per_part,
        OTHER=other,
        BLOCK_N=QUERIES,
        BLOCK_M=TARGETS,
        num_warps=4,
        enable_fp_fusion=False,
    )
    if parts == 1:
        return indices[:, 0].long()
    nearest = squares.min(dim=1, keepdim=True).values
    return torch.where(squares == nearest, indices, m).min(dim=1).values.long()


if triton is not None:

    @triton.jit  # type: ignore[untyped-decorator,unused-ignore]
    def _nearest(  # type: ignore[no-untyped-def]
        queries,  # (B, 3, N)
        targets,  # (B, 3, M)
        squares,  # (B, P, N)
        indices,  # (B, P, N)
        n,
        m,
        per_part,
        OTHER: tl.constexpr,  # noqa: N803 - Triton's style for what is known at compile time
        BLOCK_N: tl.constexpr,  # noqa: N803
        BLOCK_M: tl.constexpr,  # noqa: N803
    ):
        """Each of BLOCK_M lanes keeps the nearest of every BLOCK_M-th target; at the end the lanes are compared."""
        case, part = tl.program_id(2), tl.program_id(1)
        row = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
        lane = tl.arange(0, BLOCK_M)
        queries += case.to(tl.int64) * 3 * n
        targets += case.to(tl.int64) * 3 * m
        x = tl.load(queries + row, mask=row < n, other=0.0)[:, None]
        y = tl.load(queries + n + row, mask=row < n, other=0.0)[:, None]
        z = tl.load(queries + 2 * n + row, mask=row < n, other=0.0)[:, None]
        best = tl.full([BLOCK_N, BLOCK_M], float("inf"), tl.float32)
        where = tl.zeros([BLOCK_N, BLOCK_M], tl.int32)
        first = part * per_part
        for start in range(first, tl.minimum(first + per_part, m), BLOCK_M):
            column = start + lane
            known = column < m
            dx = x - tl.load(targets + column, mask=known, other=float("inf"))[None, :]
            dy = y - tl.load(targets + m + column, mask=known, other=float("inf"))[None, :]
            dz = z - tl.load(targets + 2 * m + column, mask=known, other=float("inf"))[None, :]
            square = dx * dx + dy * dy + dz * dz
            if OTHER:
                square = tl.where(row[:, None] == column[None, :], float("inf"), square)
            closer = square < best
            best = tl.where(closer, square, best)
            where = tl.where(closer, column[None, :], where)
        nearest = tl.min(best, axis=1)
        index = tl.min(tl.where(best == nearest[:, None], where, m), axis=1)
        out = (case.to(tl.int64) * tl.num_programs(1) + part) * n + row
        tl.store(squares + out, nearest, mask=row < n)
        tl.store(indices + out, index, mask=row < n)
