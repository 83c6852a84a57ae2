"""Values that the command's help shows, known without NumPy and Keras."""

ACCEPTANCES = ("task", "holdout")  # what shadows are judged on
ANSWERS = ("winner", "average", "ensemble")  # what a model ends with
DATA_SETS = ("oxford_iiit_pet", "rsscn7", "uc_merced")  # by name
MEMORY_LIMIT = 2 * 2**30  # bytes that data may take
METHODS = ("amto", "full")  # how `train` trains
STOP_WHEN = ("any", "all", "first")  # tasks that are out of patience
TRANSFERS = ("replace", "merge")  # how shadows start
