"""Start the program from a clone: ``python run_stream.py --help``. Installed, it is called ``streamer``."""

import sys

from streamer.cli import main

if __name__ == "__main__":
    sys.exit(main())
