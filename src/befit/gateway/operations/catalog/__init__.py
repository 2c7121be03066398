"""What there is: models and workflows, from proposal to retirement."""
