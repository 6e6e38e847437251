#!/usr/bin/env python3
"""Makes `src/cuda/carried.ptx`: what machines without NVRTC run.

    python3 -m venv /tmp/nvrtc && /tmp/nvrtc/bin/pip install 'nvidia-cuda-nvrtc==13.0.*'
    /tmp/nvrtc/bin/python kernels/gpu/carry.py [libnvrtc.so.13]

No GPU is needed. The version is pinned: PTX of a newer compiler is refused by drivers of CUDA 13.0. The first line is the
digest of source and options, which a test compares; `--check` compiles for sm_90 and prints registers and spills instead.
"""

import ctypes
import hashlib
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "src" / "cuda"
# As in `src/cuda/source.rs`.
PARTS = ["machine.cuh", "number.cuh", "collective.cuh", "step.cu", "select.cu", "floor.cu"]
OPTIONS = ["--std=c++17", "--fmad=false", "--device-as-default-execution-space"]


def library(arguments):
    """NVRTC from an argument, or from the wheel of this Python."""
    if arguments:
        return pathlib.Path(arguments[0])
    for entry in sys.path:
        found = sorted(pathlib.Path(entry).glob("nvidia/**/libnvrtc.so.13"))
        if found:
            return found[0]
    sys.exit("no NVRTC: pip install 'nvidia-cuda-nvrtc==13.0.*', or name libnvrtc.so.13")


def load(path):
    # The compiler looks for its headers' library by name.
    for other in sorted(path.parent.glob("libnvrtc-builtins.so*")):
        ctypes.CDLL(str(other), mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(path))


def result(nvrtc, program, name):
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{name}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{name}")(program, buffer)
    return buffer.raw.rstrip(b"\0").decode()


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    check = "--check" in sys.argv
    nvrtc = load(library(arguments))
    parts = [(FOLDER / part).read_text() for part in PARTS]
    source = "".join(parts)
    options = OPTIONS + (["--gpu-architecture=sm_90", "--ptxas-options=-v"] if check else ["--gpu-architecture=compute_90", "-DCARRIED"])
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"situs.cu", 0, None, None)
    given = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    code = nvrtc.nvrtcCompileProgram(program, len(options), given)
    log = result(nvrtc, program, "ProgramLog")
    if code != 0:
        sys.exit(log)
    if check:
        print(log)
        return
    digest = hashlib.sha256("".join(parts + OPTIONS).encode()).hexdigest()
    text = result(nvrtc, program, "PTX")
    if ".version 9.0" not in text:
        sys.exit("this NVRTC writes another PTX version than 9.0; take 13.0.x")
    (FOLDER / "carried.ptx").write_text(f"// {digest}\n{text}\n")
    print(f"{FOLDER / 'carried.ptx'}: {len(text)} bytes, source {digest}")


main()
