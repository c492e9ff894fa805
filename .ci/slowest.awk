# Passes on what the test runner prints, without the time of each test, and says which ten took longest
# before the block of the last documentation tests, or of failures, so that the runner's own closing lines
# end it all.

/^ *Doc-tests |^failures:$/ { printf "%s", held; held = ""; holds = 1 }

match($0, /^test .* \.\.\. .* <[0-9.]+s>$/) {
    time = $NF
    gsub(/[<>s]/, "", time)
    sub(/ <[0-9.]+s>$/, "")
    slow[++count] = sprintf("%8.1f s  %s", time, $2)
}

{
    if (holds) held = held $0 "\n"
    else { print; fflush() }
}

END {
    print "\n==> the ten slowest tests"
    fflush()
    sort = "sort -rn | head -10"
    for (i = 1; i <= count; i++) print slow[i] | sort
    close(sort)
    printf "\n%s", held
}
