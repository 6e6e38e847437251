#!/usr/bin/env bash
# Checks and times the CUDA kernels on a machine with an NVIDIA GPU, CUDA 13, Python with PyTorch, and no Rust.
#
#     kernels/gpu/check.sh prepare FOLDER     here, with Rust: builds and puts all that is needed into FOLDER
#     FOLDER/check.sh [OUT]                   there: checks, then times; writes OUT/report.json and OUT/report.md
#     FOLDER/check.sh --dry [OUT]             the same without a GPU: every part that needs one prints "not run"
#
# Exit codes: 0 all that could run passed; 1 something failed; 3 nothing failed, and parts could not run.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if [ "${1:-}" = prepare ]; then
    folder=${2:?a folder to put everything into}
    cd "$here/../.." || exit 1
    mkdir -p "$folder"
    # The last line that cargo prints for a test or bench names its program.
    program() { cargo "$@" --no-run --message-format=json | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1; }
    profile=(${SITUS_GPU_PROFILE:---release})
    tests=$(program test -p situs-kernels --test cuda_gpu "${profile[@]}") || exit 1
    bench=$(program bench --bench semantic_step_cuda ${SITUS_GPU_BENCH_PROFILE:-}) || exit 1
    cp "$tests" "$folder/cuda_gpu" && cp "$bench" "$folder/semantic_step_cuda" || exit 1
    cp "$here/check.sh" "$here/peers.py" "$folder/" || exit 1
    git describe --always --dirty >"$folder/commit" 2>/dev/null || echo unknown >"$folder/commit"
    echo "ready: $folder"
    exit 0
fi

dry=
if [ "${1:-}" = --dry ]; then dry=1; shift; fi
out=${1:-$here/out}
python=${PYTHON:-python3}
mkdir -p "$out"
: >"$out/steps.tsv"
failed=0
skipped=0

# A part: its name, what became of it, and where its log is.
tell() {
    printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"$out/steps.tsv"
    printf '%-44s %s\n' "$1" "$2"
    case $2 in failed*) failed=1 ;; "not run"*) skipped=1 ;; esac
}

# Runs a part; "not run" in its output is not a pass, whatever it exits with.
part() {
    local name=$1 log=$2 code
    shift 2
    "$@" >"$out/$log" 2>&1
    code=$?
    if [ $code -ne 0 ]; then tell "$name" "failed ($code)" "$log"
    elif grep -q "^not run" "$out/$log"; then tell "$name" "$(grep -m 1 "^not run" "$out/$log")" "$log"
    else tell "$name" passed "$log"; fi
}

if [ -z "$dry" ] && ! command -v nvidia-smi >/dev/null; then
    echo "no nvidia-smi: this machine has no NVIDIA driver; --dry runs without one"
    dry=1
fi
if [ -z "$dry" ]; then
    nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,power.limit --format=csv,noheader \
        >"$out/gpu.txt" 2>&1
    # The libraries that PyTorch brings serve where the toolkit's are not on the path.
    wheels=$("$python" -c 'import glob, sys
print(":".join(sorted({p.rsplit("/", 1)[0] for s in sys.path for p in glob.glob(s + "/nvidia/**/lib*.so*", recursive=True)})))' 2>/dev/null)
    export LD_LIBRARY_PATH="/usr/local/cuda/lib64:${LD_LIBRARY_PATH:-}:$wheels"
    export SITUS_GPU_REQUIRED=1
fi

echo "# correctness"
SITUS_GPU_ROWS=${SITUS_GPU_ROWS:-1000000} part "equal to the CPU" equal.log "$here/cuda_gpu"
for tool in memcheck racecheck synccheck initcheck; do
    if [ -n "$dry" ]; then tell "compute-sanitizer $tool" "not run: no GPU"
    elif ! command -v compute-sanitizer >/dev/null; then tell "compute-sanitizer $tool" "not run: no compute-sanitizer"
    else
        SITUS_GPU_ROWS=${SITUS_SANITIZER_ROWS:-600} part "compute-sanitizer $tool" "$tool.log" \
            compute-sanitizer --tool "$tool" --error-exitcode 9 "$here/cuda_gpu" random_rows slot_and_batch
    fi
done

echo "# times"
[ -n "$dry" ] && export SITUS_GPU_DRY=1
SITUS_GPU_JSON=$out/ours.json part "our kernels" ours.log "$here/semantic_step_cuda" --bench
if command -v "$python" >/dev/null; then
    part "peers" peers.log "$python" "$here/peers.py" time ${dry:+--dry} "$out/peers.json"
    part "report" report.log "$python" "$here/peers.py" report "$out" "$(cat "$here/commit" 2>/dev/null || echo unknown)"
    cat "$out/report.md" 2>/dev/null
else
    tell peers "not run: no $python"
fi
[ $failed -ne 0 ] && exit 1
[ $skipped -ne 0 ] && exit 3
exit 0
