from typing_extensions import Buffer

COLUMNS: int
TOKENS: int

def choose(name: str | None) -> tuple[str, int]: ...
def pack(x: Buffer, wide: bool, d: int, order: Buffer, out: Buffer) -> None: ...
def ranges(values: Buffer, least: Buffer, most: Buffer) -> None: ...
def scan(*sizes_and_buffers: int | Buffer) -> None: ...
def finish(*sizes_and_buffers: int | Buffer) -> None: ...
def products(
    wide: bool,
    d: int,
    listed: int,
    vectors: Buffer,
    items: Buffer,
    asking: Buffer,
    kinds: Buffer,
    rows: Buffer,
    product: Buffer,
    squares: Buffer,
) -> None: ...
def squares(x: Buffer, wide: bool, d: int, out: Buffer) -> None: ...
def rounded(
    scores: Buffer, limits: Buffer, scales: Buffer, near_half: float, out: Buffer
) -> None: ...
def moved(
    x: Buffer, d: int, offset: Buffer, panels: Buffer, starts: Buffer, r: int, out: Buffer
) -> None: ...
def prepare(
    given: int,
    d: int,
    items: int,
    sizes: int,
    kind: int,
    near_half: float,
    of_items: tuple[Buffer | None, ...],
    of_tiles: list[tuple[Buffer, ...]],
) -> object: ...
def single(
    prepared: object,
    wide: bool,
    exact: Buffer,
    shifted: Buffer,
    factor: float,
    k: int,
    keep: int,
    hidden: Buffer,
    rows: Buffer,
    scores: Buffer,
) -> int | None: ...
def maxsim(
    d: int,
    stride: int,
    packed: Buffer,
    tokens: Buffer,
    ends: Buffer,
    weights: Buffer,
    query_ends: Buffer,
    out: Buffer,
) -> None: ...
def largest_exact(d: int, *buffers: Buffer) -> None: ...
