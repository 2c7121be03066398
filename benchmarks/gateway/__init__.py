"""What the gateway costs: Befit beside nginx as a plain proxy, before the same upstream."""
