"""Taking documents in, searching them, and saying why somebody sees one."""
