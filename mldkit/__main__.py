"""`python -m mldkit` is the command `mldkit`: its very beginning and its very end."""

import sys


def run() -> int:
    """Run the command; Ctrl-C before it has begun ends it as later on, without a traceback."""
    # What goes wrong while the interpreter clears up is nobody's to act on.
    sys.unraisablehook = lambda _: None
    try:
        from mldkit.cli.main import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
