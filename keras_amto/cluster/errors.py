"""What goes wrong between worker processes."""


class LostWorkerError(RuntimeError):
    """Another worker process died, failed, or went another way."""
