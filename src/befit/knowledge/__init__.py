"""The company's own documents: found by whoever may read them, and by nobody else."""
