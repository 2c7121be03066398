"""What policy allows, would allow, and finds in a text."""
