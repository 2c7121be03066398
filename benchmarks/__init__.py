"""Programs that print figures; no timed assertion lives in a test."""
