"""Training and evaluating on a file of cases."""
