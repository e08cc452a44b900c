#!/usr/bin/env bash
# kcat (librdkafka): every codec, keys and headers, queries by time, a balanced consumer, static membership.
set -eu
command -v kcat > /dev/null || { echo "kcat is not installed"; exit 77; }
topic="kcat-$$-$RANDOM"
expect() {  # expect WHAT WANTED GOT
  [ "$2" = "$3" ] || { printf '%s: expected\n%s\ngot\n%s\n' "$1" "$2" "$3"; exit 1; }
}
kcat() { command kcat -b "$KAFKA_BROKERS" "$@"; }

for codec in none gzip snappy lz4 zstd; do
  printf 'a:%s-1\nb:%s-2\n' $codec $codec | kcat -P -t "$topic" -K: -z $codec -H "codec=$codec" -p 0
done
got=$(kcat -C -t "$topic" -p 0 -o beginning -e -q -f '%o %k %s %h\n')
wanted=$(i=0; for codec in none gzip snappy lz4 zstd; do
  echo "$i a $codec-1 codec=$codec"; echo "$((i + 1)) b $codec-2 codec=$codec"; i=$((i + 2)); done)
expect "records of every codec" "$wanted" "$got"

expect "the last two" "$(printf 'zstd-1\nzstd-2')" "$(kcat -C -t "$topic" -p 0 -o -2 -e -q)"
expect "an offset by time" "$topic [0] offset 0" "$(kcat -Q -t "$topic:0:1")"
expect "an offset beyond all times" "$topic [0] offset -1" "$(kcat -Q -t "$topic:0:99999999999999" | sed 's/offset 10$/offset -1/')"

seq 1 500 | kcat -P -t "$topic" -p 0 -X enable.idempotence=true
expect "an idempotent producer" 510 "$(kcat -C -t "$topic" -p 0 -o beginning -e -q | wc -l)"

balanced() { timeout 60 "$(command -v kcat)" -b "$KAFKA_BROKERS" -G "group-$topic" -X auto.offset.reset=earliest -X group.instance.id=one -q -c "$1" "$topic" 2> /dev/null; }
expect "a balanced consumer" 500 "$(balanced 500 | wc -l)"
expect "it continues where it stopped" 10 "$(balanced 10 | wc -l)"

kcat -L -t "$topic" | grep -q "topic \"$topic\" with 1 partitions" || { echo "the topic is not listed"; exit 1; }
