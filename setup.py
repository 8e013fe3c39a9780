"""The compiled part: optional, so that a machine without a compiler still installs."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "anglewise.search._kernel",
            sources=["src/anglewise/search/_kernel.c"],
            extra_compile_args=["-O3", "-std=c11"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
