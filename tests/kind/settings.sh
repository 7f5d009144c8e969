# Sourced by up, down and env: where things are. Sets REPOSITORY, CACHE, CLUSTER, PATH and KUBECONFIG.
REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${CACHE:-$HOME/.cache/kind-offline}
CLUSTER=$(sed -n 's/^name: *//p' "$REPOSITORY/kind-config.yaml")
# the cache first: its kubectl is of the cluster's own version
export CACHE PATH=$CACHE/bin:$PATH:/usr/local/go/bin
export KUBECONFIG=${KUBECONFIG:-$HOME/.kube/config}

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }

fail() { # what is wrong, hint
  printf '\nerror: %s\n\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

installed() { command -v "$1" >/dev/null; }
