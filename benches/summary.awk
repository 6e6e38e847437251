# From the lines `test NAME ... bench: VALUE UNIT/iter (+/- SPREAD)` of all benches to two tables in Markdown.

function number(text) { gsub(",", "", text); return text + 0 }

function shown(ns) {
    if (ns >= 1e9) return sprintf("%.2f s", ns / 1e9)
    if (ns >= 1e6) return sprintf("%.1f ms", ns / 1e6)
    if (ns >= 1e3) return sprintf("%.1f us", ns / 1e3)
    return sprintf("%d ns", ns)
}

# A goal: `value` is to be below (or, with sign -1, above) `limit`. Without a value there is only the reason.
function goal(what, limit, value, is_met, text, peer) {
    if (value == "") { row = sprintf("| %s | %s | not measured | | |", what, limit) }
    else { row = sprintf("| %s | %s | %s | %s | %s |", what, limit, text, is_met ? "yes" : "**no**", peer) }
    goals[++goal_count] = row
}

function at_most(what, limit_text, name, limit, peer) {
    goal(what, limit_text, median[name], median[name] < limit, shown(median[name]), beside(peer))
}

function ratio(what, limit, name, peer,    r) {
    if (median[name] == "" || median[peer] == "") { goal(what, "at most " limit " x", ""); return }
    r = median[name] / median[peer]
    goal(what, "at most " limit " x", r, r <= limit, sprintf("%.2f x", r), \
        shown(median[name]) " beside " shown(median[peer]))
}

# At least so many times as fast as a peer.
function speedup(what, least, name, peer,    r) {
    if (median[name] == "" || median[peer] == "") { goal(what, "at least " least " x", ""); return }
    r = median[peer] / median[name]
    goal(what, "at least " least " x", r, r >= least, sprintf("%.2f x", r), \
        shown(median[name]) " beside " shown(median[peer]))
}

function beside(peer) { return (median[peer] != "") ? peer ": " shown(median[peer]) : "" }

/^# bench / { bench = $3 }

/^level / { level = $2 }

/^(skipped|failed|timed [a-z]+): / || /^a run took more/ { notes[++note_count] = bench ": " $0 }

match($0, /bench: +[0-9,]+ [A-Za-z]+\/iter/) {
    line = $0
    measured = substr(line, RSTART, RLENGTH)
    split(measured, words, " ")
    if (match(line, /test .* \.\.\. /)) id = substr(line, RSTART + 5, RLENGTH - 10)
    spread = line
    if (!sub(/.*\(\+\/- /, "", spread)) spread = ""
    sub(/\).*/, "", spread)
    order[++count] = id
    benches[id] = bench
    value = number(words[2])
    if (words[3] ~ /^MB/) { megabytes[id] = value } else { median[id] = value; spreads[id] = number(spread) }
}

END {
    at_most("`situs list`, from start to end of the process", "20 ms", "startup/situs_list", 20e6, "startup/true")
    at_most("an empty call of a component in a library", "20 ns", "boundary/empty_call/loaded", 20, "boundary/empty_call/linked")
    at_most("added to a pick over 151,936 logits by the boundary", "200 ns", "boundary/pick_151936/added", 200, "boundary/pick_151936/linked")
    at_most("100 questions of a family in a library", "200 us", "boundary/ask_100/loaded", 2e5, "boundary/ask_100/linked")
    at_most("a reply read by a family in a library", "3 us", "boundary/read/loaded", 3e3, "boundary/read/linked")
    at_most("a record scored by a metric in a library", "3 us", "boundary/score/loaded", 3e3, "boundary/score/linked")
    at_most("a journal of 1,000,000 records of 256 bytes scanned", "2 s", "journal/scanned", 2e9, "journal/lines_counted")
    wall = median["requests/whole_run/wall"]
    goal("text requests of a whole run", "over 2,000/s", wall, wall < 5e5, wall ? sprintf("%.0f/s", 1e9 / wall) : "", \
        beside("requests/bare_tcp/wall"))
    wall = median["requests/openai_backend/wall"]
    goal("text requests through the backend", "over 2,000/s", wall, wall < 5e5, wall ? sprintf("%.0f/s", 1e9 / wall) : "", \
        beside("requests/bare_tcp/wall"))
    at_most("CPU per text request of a whole run", "100 us", "requests/whole_run/cpu", 1e5, "requests/bare_tcp/cpu")
    at_most("CPU per text request through the backend", "100 us", "requests/openai_backend/cpu", 1e5, "requests/bare_tcp/cpu")
    at_most("a full-size case to its whole pool of questions", "1 s", "questions/whole_pool", 1e9, "questions/measured")
    at_most("over 10,000 SpatialMed questions of 100 cases", "10 s", "spatialmed/questions_100_cases", 1e10, \
        "spatialmed/tools_117_structures")
    ratio("`.nii.gz` CT in RAS+ to f32, beside libdeflate", 1.35, "load/ct_ras/volume", "load/ct_ras/libdeflate")
    ratio("`.nii.gz` CT in LPS to f32 in RAS+, beside libdeflate", 1.35, "load/ct_lps/volume", "load/ct_lps/libdeflate")
    at_most("labels to all measurements", "25 ms", "label map of 108 structures/file to measurements", 25e6, \
        "label map of 108 structures/libdeflate alone")
    ratio("117 masks to measurements, beside libdeflate", 2, "117 masks/files to measurements and overlaps", \
        "117 masks/libdeflate alone")
    step = "semantic_step/f32/semantic/scored/batch 1, candidates 50"
    if (level == "" || level == "avx512") {
        at_most("a semantic step: 50 candidates, K = 32, V = 151,936, f32, AVX-512", "65 us", step, 65e3, "peers/numpy semantic/50")
    } else goal("a semantic step: 50 candidates, K = 32, V = 151,936, f32, AVX-512", "65 us", "")
    speedup("the same, beside numpy", 6, step, "peers/numpy semantic/50")
    ratio("the same, beside the plain step, with scores", 1.15, step, "semantic_step/f32/plain/scored/batch 1, candidates 50")
    ratio("the same, beside the plain step, without scores", 1.15, "semantic_step/f32/semantic/bare/batch 1, candidates 50", \
        "semantic_step/f32/plain/bare/batch 1, candidates 50")
    speedup("an exact neighbor table, beside faiss", 1.5, "neighbors_build/exact table, all threads", \
        "peers/faiss IndexFlatIP, all threads")
    speedup("BLEU of 9,077 pairs, beside sacreBLEU", 20, "text_metrics/bleu", "peers/sacrebleu")
    speedup("ROUGE-L of 9,077 pairs, beside rouge-score", 20, "text_metrics/rouge-l, stemmer", "peers/rouge-score, stemmer")
    speedup("METEOR of 9,077 pairs, beside NLTK", 20, "text_metrics/meteor", "peers/nltk meteor")
    at_most("10,000 resamplings of 9,077 items by patient", "1 s", "text_metrics/bootstrap by patient, BLEU", 1e9)
    for (i = 1; i <= count; i++) if (order[i] ~ /beyond_the_budget$/) {
        split(order[i], part, "/")
        goal("peak memory beyond the budget for volumes, " part[2], "100 MB", 1, megabytes[order[i]] <= 100, \
            megabytes[order[i]] " MB", "")
    }
    print "| goal | limit | measured | met | beside |"
    print "|---|---|---|---|---|"
    for (i = 1; i <= goal_count; i++) print goals[i]
    if (note_count) print ""
    for (i = 1; i <= note_count; i++) print "- " notes[i]
    print ""
    print "| bench | median | spread | command |"
    print "|---|---|---|---|"
    for (i = 1; i <= count; i++) {
        id = order[i]
        command = "cargo bench --bench " benches[id]
        if (benches[id] ~ /^peers/) printf("| %s | %s | %s | `python3 benches/%s.py FOLDER` |\n", id, \
            shown(median[id]), shown(spreads[id]), benches[id])
        else if (id in megabytes) printf("| %s | %d MB | | `%s` |\n", id, megabytes[id], command)
        else printf("| %s | %s | %s | `%s -- \"%s\"` |\n", id, shown(median[id]), shown(spreads[id]), command, id)
    }
}
