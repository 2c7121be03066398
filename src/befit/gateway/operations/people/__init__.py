"""Who there is: people, groups and keys."""
