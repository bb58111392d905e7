"""`python -m mldkit` is the command `mldkit`."""

import sys

from mldkit.cli.main import main

sys.exit(main())
