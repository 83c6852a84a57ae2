"""How much memory data may take where the user says nothing."""

MEMORY_LIMIT = 2 * 2**30  # bytes
