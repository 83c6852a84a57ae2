"""What can happen to several machines."""


class LostMachineError(RuntimeError):
    """A machine of a cluster no longer answers.

    Example:

    ```python
    try:
        model.fit(x, y, epochs=10)
    except keras_amto.distribution.LostMachineError:
        print("start the servers and the script again")
    ```
    """
