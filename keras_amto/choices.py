"""Values that the command's help shows, known without NumPy and Keras."""

ANSWERS = ("winner", "average", "ensemble")
DATA_SETS = ("oxford_iiit_pet", "rsscn7", "uc_merced")  # by name
MEMORY_LIMIT = 2 * 2**30  # bytes that data may take
STOP_WHEN = ("any", "all", "first")  # tasks that are out of patience
