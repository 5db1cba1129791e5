#!/bin/bash
# Installs what `npm run interop` needs from the system, on Debian: kcat, librdkafka's headers, a C compiler, Java with
# Maven, Python with venv. Go, Rust and Node bring their own tools and are only looked for. Quick when all is there.
set -euo pipefail

missing=()
need() { # need COMMAND PACKAGE
  command -v "$1" > /dev/null || missing+=("$2")
}
need kcat kcat
need gcc gcc
need javac openjdk-17-jdk-headless
need mvn maven
need python3 python3
need go golang
need cargo cargo
[ -e /usr/include/librdkafka/rdkafka.h ] || missing+=(librdkafka-dev)
python3 -c 'import ensurepip' 2> /dev/null || missing+=(python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  echo "installing ${missing[*]}" >&2
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi
