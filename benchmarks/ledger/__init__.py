"""What the ledger costs: appending, verifying, proving, and its share of the gateway's work."""
