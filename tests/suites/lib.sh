# shellcheck shell=bash
# What the suites share. A suite is a program that leaves its results in the folder TEST_RESULTS:
# logs of meson, JUnit files, and `checks`, a line for each thing that was looked at.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
results=${TEST_RESULTS:?run this through ./test}
export PYTHONDONTWRITEBYTECODE=1
# Exported by a developer's shell, these would change what is tested.
unset "${!AWS_@}" "${!USERS_@}" "${!FALLBACK_JOB_@}" "${!FILES_@}"

# Configures and compiles in a folder of its own below build-test; its path goes to `build`.
build_in() {
    build=$root/build-test/$1
    shift
    [[ -f $build/build.ninja ]] || meson setup "$build" "$@"
    ninja -C "$build"
}

# What the programs are mostly tested with: the first compiler, symbols, optimised.
build_plain() {
    build_in gcc
}

# The programs with their failpoints (src/failpoints), once more with memory that fails, and what
# they are tried with.
build_failpoints() {
    build=$root/build-test/failpoints
    [[ -f $build/build.ninja ]] || meson setup "$build" -Dfailpoints=true
    ninja -C "$build" src/programs/users-service tests/s3d/s3d tests/torture/users-service \
        tests/torture/fallback-job
}

# Runs tests of the tree in `build`; the arguments are meson's. One that fails fails the suite,
# by what it leaves in the results.
run_meson() {
    local label=$1
    shift
    rm -f "$build/meson-logs/$label"*
    meson test -C "$build" --no-rebuild --print-errorlogs --logbase "$label" "$@" || true
    # With a wrapper, its name is in the file's.
    mv "$build/meson-logs/$label"*.json "$results/$label.meson"
}

# How many of a suite's tests run at once, where pytest is told to (-n): most of them wait.
spread=4

# Runs pytest on the programs in `build`.
run_pytest() {
    local label=$1
    shift
    BUILD=$build/src/programs /usr/bin/python3 -m pytest -q -rfEs -p no:cacheprovider \
        --junitxml="$results/$label.xml" "$@" || true
    [[ -s $results/$label.xml ]] || echo "fail $label: pytest left no results" >>"$results/checks"
}

# Starts a PostgreSQL server for the rest of the suite; REPOSITORY_ADDRESS says where.
on_postgres() {
    server=$(mktemp -d)
    trap 'tests/support/postgres.py stop "$server/postgres"; rm -rf "$server"' EXIT
    chmod 755 "$server"
    REPOSITORY_ADDRESS=$(tests/support/postgres.py start "$server/postgres")
    export REPOSITORY_ADDRESS
}

# One thing to look at: passes if the command does.
check() {
    local name=$1
    shift
    if "$@"; then
        echo "pass $name" >>"$results/checks"
    else
        echo "fail $name" >>"$results/checks"
        echo "FAILED: $name"
    fi
}

# A build whose every fault that the compiler's sanitizers see ends the program. Their reports go
# to files; sanitizers_are_silent finds them, whoever started the program.
build_sanitized() {
    local name=$1 kinds=$2
    shift 2
    build_in "$name" -Db_sanitize="$kinds" -Dc_args=-fno-sanitize-recover=all "$@"
    local options="log_path=$results/sanitizer:halt_on_error=1"
    export ASAN_OPTIONS=$options:detect_stack_use_after_return=1:strict_string_checks=1
    export UBSAN_OPTIONS=$options:print_stacktrace=1
    export TSAN_OPTIONS=$options:second_deadlock_stack=1
}

sanitizers_are_silent() {
    local report silent=0
    for report in "$results"/sanitizer.*; do
        if [[ -s $report ]]; then
            cat "$report"
            silent=1
        fi
    done
    return "$silent"
}

# So many kills, on each store at the same time.
run_kills() {
    export KILLS=$1
    run_pytest kills-s3d -s tests/blackbox/test_kills.py -k s3d &
    run_pytest kills-local -s tests/blackbox/test_kills.py -k local
    wait
}

# What every sanitizer is run on: the tests in C, a pass over the programs, and a kill run.
run_sanitized() {
    run_meson tests --no-suite ceph --no-suite postgres --timeout-multiplier 5
    run_pytest programs -n "$spread" tests/blackbox --ignore tests/blackbox/test_kills.py \
        --ignore-glob '*/test_job_*.py' -k 'not ceph'
    run_kills 20
    check "no sanitizer has found anything" sanitizers_are_silent
}

# So many lives in the simulation from a first seed on, half of them in a process of its own.
run_lives() {
    local first=$1 half=$(($2 / 2)) simulate=$build/tests/simulation/simulate
    check "$half lives from seed $first on" "$simulate" --first "$first" --seeds "$half" &
    check "$half lives from seed $((first + half)) on" "$simulate" --first $((first + half)) \
        --seeds "$half"
    wait
}
