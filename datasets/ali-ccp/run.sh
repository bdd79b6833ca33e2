#!/bin/sh
# Fetch, verify and prepare Ali-CCP; "sh run.sh --help" says how.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
PYTHON=${PYTHON:-python3}
SMALL_URL=https://paddlerec.bj.bcebos.com/esmm
ATTEMPTS=8

usage() {
    cat <<EOF
Fetch Ali-CCP (Tianchi data set 408), verify it and prepare it for training.

    sh run.sh [RAW [OUT]]    all of it: the archives in RAW (default: $HERE/raw)
                             become a prepared data set in OUT (default: $HERE/prepared)
    sh run.sh --small [OUT]  PaddleRec's two sample files of 100,000 lines each, into
                             OUT/train and OUT/test (default: $HERE/small)

Tianchi asks for a sign-in, so no script can fetch from it. Either put sample_train.tar.gz and
sample_test.tar.gz (and their .md5 files, if you have them) into RAW yourself, from
https://tianchi.aliyun.com/dataset/408, or name a place that serves them:

    ALI_CCP_URL   base URL of the archives or, with --small, of the sample files
    PYTHON        the Python that runs prepare.py (default: python3)

Downloads are resumed and retried, and compared with <file>.md5 where there is one. Archives are read
as they are; nothing is unpacked to disk. After an interruption run it again: it does what is missing.
EOF
}

say() { printf 'run.sh: %s\n' "$*"; }

fail() {
    printf 'run.sh: %s\n' "$*" >&2
    exit 1
}

# in_words BYTES
in_words() {
    awk -v b="$1" 'BEGIN {
        if (b >= 1e9) printf "%.1f GB", b / 1e9
        else if (b >= 1e6) printf "%.1f MB", b / 1e6
        else printf "%d bytes", b
    }'
}

bytes_of() { if [ -f "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi; }

# probe URL: the last answer's "STATUS LENGTH"; 000 if nothing answers, length 0 if it is not told
probe() {
    if command -v curl >/dev/null; then
        curl -sIL --connect-timeout 30 "$1" || :
    else
        wget -S --spider -t 1 -T 30 "$1" 2>&1 || :
    fi | tr -d '\r' | awk '
        BEGIN { status = "000"; bytes = 0 }
        $1 ~ /^HTTP\// { status = $2; bytes = 0 }
        tolower($1) == "content-length:" { bytes = $2 }
        END { print status, status ~ /^2/ ? bytes : 0 }'
}

# ask URL: sets STATUS and LENGTH (0 if unknown); ends the run if the file is not to be had
ask() {
    answer=$(probe "$1")
    STATUS=${answer% *} LENGTH=${answer#* }
    case $STATUS in
        404 | 410) fail "$1 is not there (HTTP $STATUS)" ;;
        401 | 403) fail "$1 is not open to us (HTTP $STATUS)" ;;
    esac
}

# transfer URL FILE: continue FILE; 0 if done, 2 if the disk is full, else another try may help
transfer() {
    code=0
    if command -v curl >/dev/null; then
        if [ -t 2 ]; then meter=--progress-bar; else meter=-sS; fi
        curl -fL "$meter" --connect-timeout 30 --speed-limit 1 --speed-time 60 -C - -o "$2" "$1" || code=$?
        case $code in
            23) return 2 ;;
            33) rm -f "$2" ;; # this server cannot continue a file: from the start
        esac
    else
        wget -nv -c -t 1 -T 60 -O "$2" "$1" || code=$?
        [ "$code" -ne 3 ] || return 2
    fi
    return "$((code != 0))"
}

# matches FILE SUMS: whether FILE has the MD5 sum that stands in the file SUMS; true if there is none
matches() {
    [ -f "$2" ] || return 0
    say "checking the MD5 sum of $1"
    wanted=$(tr A-F a-f <"$2" | tr -cs 0-9a-f '\n' | grep -xE '[0-9a-f]{32}' | head -n 1)
    [ -n "$wanted" ] || fail "$2 holds no MD5 sum"
    [ "$(md5sum <"$1" | cut -c 1-32)" = "$wanted" ]
}

# whole FILE: whether it has all its bytes, as far as LENGTH tells
whole() { [ -f "$1" ] && { [ "$LENGTH" -eq 0 ] || [ "$(bytes_of "$1")" -eq "$LENGTH" ]; }; }

# fetch URL FILE: into FILE.part, resumed and retried; FILE appears when it is whole and verified
fetch() {
    attempt=1 pause=1 before=0
    while :; do
        ask "$1"
        have=$(bytes_of "$2.part")
        if [ "$LENGTH" -gt 0 ] && [ "$have" -gt "$LENGTH" ]; then rm -f "$2.part"; fi
        if [ "$LENGTH" -gt 0 ] && whole "$2.part"; then break; fi
        [ "$have" -eq 0 ] || say "$2: going on after $(in_words "$have")"
        code=0
        transfer "$1" "$2.part" || code=$?
        [ $code -ne 2 ] || fail "no room left for $2; make some and run this again, it goes on from here"
        if [ $code -eq 0 ] && whole "$2.part"; then break; fi
        have=$(bytes_of "$2.part")
        if [ "$have" -gt "$before" ]; then attempt=1 pause=1 before=$have; fi
        [ $attempt -lt $ATTEMPTS ] || fail "$1: given up after $ATTEMPTS attempts; run this again to go on"
        say "$1: failed (HTTP $STATUS), next attempt in $pause s"
        sleep $pause
        attempt=$((attempt + 1)) pause=$((pause * 2))
    done
    if ! matches "$2.part" "$2.md5"; then
        rm -f "$2.part"
        fail "$2 arrived with another MD5 sum than $2.md5 says and was deleted; run this again to fetch it anew"
    fi
    mv "$2.part" "$2"
}

# fetch_sums URL FILE: the MD5 sum of a file, if it is served
fetch_sums() {
    [ ! -f "$2.md5" ] || return 0
    answer=$(probe "$1.md5")
    if [ "${answer% *}" = 200 ]; then
        fetch "$1.md5" "$2.md5"
    fi
}

# need_room FOLDER BYTES WHAT
need_room() {
    room=$(df -Pk "$1" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
    [ "$room" -ge "$2" ] || fail "$1 has room for $(in_words "$room"), but $3 takes $(in_words "$2")"
}

mount_of() { df -Pk "$1" | awk 'NR == 2 { print $6 }'; }

small() {
    out=${1:-$HERE/small}
    base=${ALI_CCP_URL:-$SMALL_URL}
    for part in train test; do
        name=${part}data_10w.csv
        file=$out/$part/$name
        if [ -f "$file" ]; then
            say "$file is there"
            continue
        fi
        mkdir -p "$out/$part"
        ask "$base/$name"
        say "fetching $base/$name ($(in_words "$LENGTH")) into $out/$part"
        need_room "$out" $((LENGTH - $(bytes_of "$file.part"))) "the rest of $name"
        fetch_sums "$base/$name" "$file"
        fetch "$base/$name" "$file"
    done
    say "done: $out/train and $out/test"
}

# plan RAW: what there is to do; sets FETCH (parts), COMING (bytes to fetch), TEXT (bytes of raw text to prepare)
plan() {
    FETCH='' COMING=0 TEXT=0
    for part in train test; do
        skeleton=$1/sample_skeleton_$part.csv common=$1/common_features_$part.csv archive=$1/sample_$part.tar.gz
        if [ -f "$skeleton" ] && [ -f "$common" ]; then
            TEXT=$((TEXT + $(bytes_of "$skeleton") + $(bytes_of "$common")))
        elif [ -f "$archive" ]; then
            TEXT=$((TEXT + $(bytes_of "$archive") * 5)) # the release's archives unpack to 4.5 times their size
        elif [ -n "${ALI_CCP_URL:-}" ]; then
            ask "$ALI_CCP_URL/sample_$part.tar.gz"
            FETCH="$FETCH $part"
            COMING=$((COMING + LENGTH - $(bytes_of "$archive.part")))
            TEXT=$((TEXT + LENGTH * 5))
        else
            fail "$archive is missing; get it from Tianchi or set ALI_CCP_URL (sh run.sh --help)"
        fi
    done
}

full() {
    raw=${1:-$HERE/raw}
    out=${2:-$HERE/prepared}
    if [ -f "$out/schema.json" ]; then
        say "$out is prepared already: nothing to do"
        return
    fi
    mkdir -p "$raw" "$out"
    plan "$raw"
    # Temporary files and results together take at most 0.6 of the raw text; two cores prepare 60 MB of it per second.
    working=$((TEXT * 3 / 5))
    for part in $FETCH; do
        say "to fetch: $ALI_CCP_URL/sample_$part.tar.gz"
    done
    say "to do: fetch $(in_words $COMING) into $raw, then prepare about $(in_words $TEXT) of raw text into $out," \
        "taking up to $(in_words $working) there and about $((TEXT / 60000000 / 60 + 1)) min on two cores"
    if [ "$(mount_of "$raw")" = "$(mount_of "$out")" ]; then
        need_room "$out" $((COMING + working)) "this"
    else
        need_room "$raw" "$COMING" "fetching"
        need_room "$out" "$working" "preparing"
    fi
    for part in $FETCH; do
        fetch_sums "$ALI_CCP_URL/sample_$part.tar.gz" "$raw/sample_$part.tar.gz"
        fetch "$ALI_CCP_URL/sample_$part.tar.gz" "$raw/sample_$part.tar.gz"
    done
    for part in train test; do
        archive=$raw/sample_$part.tar.gz
        case $FETCH in *$part*) continue ;; esac # verified on arrival
        [ ! -f "$archive" ] || matches "$archive" "$archive.md5" ||
            fail "$archive has another MD5 sum than $archive.md5 says; delete it and get it again"
    done
    "$PYTHON" "$HERE/prepare.py" "$raw" "$out"
    say "done: $out"
}

case ${1:-} in
    -h | --help) usage ;;
    --small)
        shift
        small "$@"
        ;;
    -*) fail "unknown option $1; see sh run.sh --help" ;;
    *) full "$@" ;;
esac
