#!/usr/bin/env bash
# The step of action.yml: installs stagemaker, starts it, and sets its variables for the steps that follow.
set -euo pipefail
folder=$RUNNER_TEMP/stagemaker
mkdir -p "$folder/path"
rm -f "$folder/variables.json"
"$PYTHON" -m venv "$folder"
"$folder/bin/pip" install --quiet "${GITHUB_ACTION_PATH:-$(dirname "$0")}"
# shellcheck disable=SC2086 # several words each
[ -z "$IMAGES" ] || "$folder/bin/stagemaker" setup $IMAGES
# shellcheck disable=SC2086
nohup "$folder/bin/stagemaker" start --json --variables "$folder/variables.json" $OPTIONS >"$folder/log" 2>&1 &
echo $! >"$folder/pid"
until [ -e "$folder/variables.json" ]; do
  kill -0 $! 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
  sleep 0.2
done
"$PYTHON" - "$folder/variables.json" >>"$GITHUB_ENV" <<'END'
import json, sys
for name, value in json.load(open(sys.argv[1])).items():
    print(f"{name}={value}")
END
# not the environment's own folder, in which there is a Python, too
ln -sf ../bin/stagemaker "$folder/path/stagemaker"
echo "$folder/path" >>"$GITHUB_PATH"
cat "$folder/log"
