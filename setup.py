"""Builds the compiled core where that is possible; everything else stands in setup.cfg.

Without a compiler or the headers of Python mldkit installs without it and runs in Python alone.
`MLDKIT_CORE=require` makes that an error: a wheel for others never lacks it unnoticed.
"""

import os

from setuptools import Extension, setup

core = Extension(
    "mldkit.core.compiled",
    ["mldkit/core/compiled.pyx"],
    # Nothing of the folder it is built in: the same files give the same octets anywhere.
    extra_compile_args=["-g0"],
    optional=os.environ.get("MLDKIT_CORE") != "require",
)
setup(ext_modules=[core])
