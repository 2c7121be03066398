"""How well passages are found, on public data, with nothing tuned on what it is scored on."""
