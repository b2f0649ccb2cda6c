#!/bin/sh
# Runs every test and check of Facsimile: ./test.sh
#
# As root on Debian or Ubuntu it installs the packages that the tests use and that are missing.
# As anybody else it says which ones are: the tests that need them are then skipped, with the
# reason, or fail where CI is set. Extra arguments go to go test, as in ./test.sh -run Secret.
set -eu
cd "$(dirname "$0")"

# The oracle for templates, the reader of what state encrypts, the C compiler of the race
# detector, what kills at a system call, real SSH servers, and what real hosts are made with.
packages="git python3-jinja2 age gcc libc6-dev rsync strace openssh-client openssh-server \
	systemd-container mmdebstrap iptables iproute2 util-linux shellcheck"

missing=
for package in $packages; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "== installing$missing"
		export DEBIAN_FRONTEND=noninteractive
		# shellcheck disable=SC2086 # a list of words
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null
	else
		echo "== not installed, and only root can:$missing"
	fi
fi

echo "== format"
unformatted=$(git ls-files '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
	echo "gofmt would change:" "$unformatted"
	exit 1
fi

echo "== vet and staticcheck"
go vet ./...
go tool -modfile=tools/go.mod staticcheck ./...

if command -v shellcheck >/dev/null; then
	shellcheck -x test.sh .ci/run test/fleet/fleet test/fleet/lib/*.sh
fi

race=
if command -v gcc >/dev/null; then race=-race; else echo "== no C compiler: without the race detector"; fi

# The end-to-end tests mostly wait for hosts, so they run beside the others; what they print
# comes at the end.
echo "== test"
hosts=$(mktemp)
trap 'rm -f "$hosts"' EXIT
go test $race -timeout 20m "$@" ./test/... >"$hosts" 2>&1 &
waiting=$!
failed=0
# shellcheck disable=SC2046 # a list of words
go test $race -timeout 20m "$@" $(go list ./... | grep -v '/test/') || failed=1
wait $waiting || failed=1
cat "$hosts"
exit $failed
