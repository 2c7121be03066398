"""`DIMENSIONS`: the size of the embedder's vectors, for who must not load the embedder."""

DIMENSIONS = 384
