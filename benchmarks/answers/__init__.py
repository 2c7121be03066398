"""When documents say, which passages say it, and what of a written answer they support."""
