"""`python -m keras_amto`."""

import sys

from keras_amto.cli import main

if __name__ == "__main__":
    sys.exit(main())
