#!/usr/bin/env bash
# Runs every bench and writes benches/results/DATE-MACHINE.md: the machine, the goals, what was measured.
# About fifteen minutes once compiled. Further arguments go to criterion, e.g. --sample-size 10.
#
#     benches/run.sh
#
# Real data are looked for in SITUS_TEST_DATA, else in ../shared/data, WordNet in SITUS_WORDNET, else in
# /usr/share/wordnet; what needs them is skipped without. numpy, faiss-cpu, sacrebleu, rouge-score and nltk are timed on
# the same inputs where the python3 of the path has them (PYTHON names another).
set -euo pipefail
cd "$(dirname "$0")/.."

benches=(startup boundary journal requests questions spatialmed render load measure semantic_step neighbors_build text_metrics memory)
log=$(mktemp)
SITUS_BENCH_INPUTS=$(mktemp -d)
export SITUS_BENCH_INPUTS
trap 'rm -rf "$log" "$SITUS_BENCH_INPUTS"' EXIT

SITUS_TEST_DATA=${SITUS_TEST_DATA:-$(cd .. && pwd)/shared/data}
export SITUS_TEST_DATA
[ -d "$SITUS_TEST_DATA" ] || echo "no real data in $SITUS_TEST_DATA: load and measure are skipped"

cargo bench --no-run
for bench in "${benches[@]}"; do
    arguments=(--output-format bencher "$@")
    # One run of a process, no statistics: it takes no arguments.
    [ "$bench" = memory ] && arguments=()
    echo "# bench $bench" >>"$log"
    cargo bench --bench "$bench" -- "${arguments[@]}" 2>&1 | tee -a "$log" || echo "failed: $bench" | tee -a "$log"
done
python=${PYTHON:-python3}
for peers in peers peers_text; do
    echo "# bench $peers" >>"$log"
    if command -v "$python" >/dev/null; then
        "$python" "benches/$peers.py" "$SITUS_BENCH_INPUTS" 2>&1 | tee -a "$log" || echo "failed: $peers" | tee -a "$log"
    else
        echo "skipped: no $python, so no peers written in it" | tee -a "$log"
    fi
done

version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
commit=$(git describe --always --dirty 2>/dev/null || echo "no commit")
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
cpu=${cpu:-$(sysctl -n machdep.cpu.brand_string 2>/dev/null || uname -m)}
cores=$(getconf _NPROCESSORS_ONLN)
memory=$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo 2>/dev/null || echo "unknown memory")
load=$(uptime | sed 's/.*load average[s]*: //')
name=$(uname -n | tr -c 'A-Za-z0-9\n' '-')
file=benches/results/$(date +%F)-$name.md
mkdir -p benches/results

{
    echo "# Benches of situs $version, $(date +%F)"
    echo
    echo "- machine: $cpu, $cores cores, $memory, $(uname -sr); load average at the end: $load"
    echo "- $(rustc --version); situs $version ($commit), profile \`bench\`"
    echo "- all of it: \`benches/run.sh $*\`; one line: the command beside it"
    echo "- criterion's median and standard deviation; peers run in the same process with the same allocator, those in"
    echo "  Python on inputs that the benches saved"
    echo
    awk -f benches/summary.awk "$log"
} | sed 's/ *$//' >"$file"
echo
cat "$file"
echo "written to $file"
