"""What can happen to several machines."""


class LostMachineError(RuntimeError):
    """A machine of a cluster no longer answers."""
