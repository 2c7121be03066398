"""Reading, proving, exporting and erasing what happened."""
