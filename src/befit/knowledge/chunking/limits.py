"""`ChunkLimits`: how long passages are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkLimits:
    """Lengths in characters. What ships was measured: `docs/reference/parsing.md`.

    Attributes:
        whole: a document up to this long is one passage (if it is on one page).
        most: of a passage of a longer one. The embedder reads about as much.
        least: a boundary is looked for beyond it; shorter ones come about where pages end.
    """

    whole: int = 2_400
    most: int = 1_200
    least: int = 400

    def __post_init__(self) -> None:
        if not 0 < 2 * self.least <= self.most <= self.whole:
            raise ValueError(
                f"least {self.least}, most {self.most} and whole {self.whole} do not rise, or "
                "most is less than twice the least"
            )
