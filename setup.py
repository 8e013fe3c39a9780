"""The compiled part: optional, so that a machine without a compiler still installs."""

from setuptools import Extension, setup

ROOM = "src/anglewise/nearest_neighbours"
SOURCES = ("_kernel", "_sums", "_units", "_candidates", "_single", "_maxsim")
HEADERS = ("_entries", "_units", "_scan", "_exact", "_rounded", "_maxsim")

setup(
    ext_modules=[
        Extension(
            "anglewise.nearest_neighbours._kernel",
            sources=[f"{ROOM}/{name}.c" for name in SOURCES],
            depends=[f"{ROOM}/{name}.h" for name in HEADERS],
            # unfused: the float64 sums must be NumPy's to the last bit
            extra_compile_args=["-O3", "-std=c11", "-ffp-contract=off", "-fvisibility=hidden"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
