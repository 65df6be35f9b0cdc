#!/usr/bin/env bash
# The step of action.yml: installs stagemaker, starts it, and sets its variables for the steps that follow.
set -euo pipefail
if [[ " $OPTIONS" == *[[:space:]]--variables* ]]; then
  echo "stagemaker: the action sets the variables for later steps; remove --variables from its options" >&2
  exit 1
fi
folder=$RUNNER_TEMP/stagemaker
mkdir -p "$folder/path"
rm -f "$folder/variables.json"
"$PYTHON" -m venv "$folder"
"$folder/bin/pip" install --quiet "${GITHUB_ACTION_PATH:-$(dirname "$0")}"
# shellcheck disable=SC2086 # several words each
[ -z "$IMAGES" ] || "$folder/bin/stagemaker" setup $IMAGES
# shellcheck disable=SC2086
nohup "$folder/bin/stagemaker" start $OPTIONS --json --variables "$folder/variables.json" >"$folder/log" 2>&1 &
echo $! >"$folder/pid"
until [ -e "$folder/variables.json" ]; do
  kill -0 $! 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
  sleep 0.2
done
# a step cannot unset a variable for the steps that follow: an endpoint may be empty, but a profile must exist
echo "[default]" >"$folder/config"
"$PYTHON" - "$folder" >>"$GITHUB_ENV" <<'END'
import json, sys
for name, value in json.load(open(f"{sys.argv[1]}/variables.json")).items():
    if value is None and name.endswith("PROFILE"):
        print(f"AWS_CONFIG_FILE={sys.argv[1]}/config")
        value = "default"
    print(f"{name}={value or ''}")
END
# not the environment's own folder, in which there is a Python, too
ln -sf ../bin/stagemaker "$folder/path/stagemaker"
echo "$folder/path" >>"$GITHUB_PATH"
cat "$folder/log"
