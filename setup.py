"""The compiled part: optional, so that a machine without a compiler still installs."""

from setuptools import Extension, setup

ROOM = "src/anglewise/search"

setup(
    ext_modules=[
        Extension(
            "anglewise.search._kernel",
            sources=[f"{ROOM}/_kernel.c", f"{ROOM}/_units.c"],
            depends=[f"{ROOM}/_units.h", f"{ROOM}/_scan.h", f"{ROOM}/_exact.h"],
            # unfused: the float64 sums must be NumPy's to the last bit
            extra_compile_args=["-O3", "-std=c11", "-ffp-contract=off"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
