# shellcheck shell=bash disable=SC2154 # what is set in ../fleet
# What the machine must have, and the root file system that all hosts share.
# Sourced by ../fleet.

apt_install() {
  command -v apt-get >/dev/null || die "this machine has no apt to install $* with"
  apt-get update -q >&2 || die "apt-get update failed, wanted for: $*"
  DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" >&2 || die "apt-get could not install: $*"
}

missing_tools() {
  local pair
  for pair in systemd-nspawn:systemd-container mmdebstrap:mmdebstrap ip:iproute2 \
    iptables-restore:iptables nsenter:util-linux ssh:openssh-client; do
    command -v "${pair%:*}" >/dev/null || echo "${pair#*:}"
  done
}

install_tools() {
  local missing lock
  [[ $(missing_tools) ]] || return 0
  mkdir -p "$cache"
  exec {lock}>"$cache/lock" # apt-get update fails when another is at it
  flock "$lock"
  mapfile -t missing < <(missing_tools)
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
  exec {lock}>&-
}

# need_machine ends the program where hosts cannot be made, and says why.
need_machine() {
  local root probe
  [[ $(uname -s) == Linux ]] || die "hosts need Linux, and this is $(uname -s)"
  ((EUID == 0)) || die 'hosts can be made by root only'
  install_tools
  root=$(cgroup_root cgroup2)
  [[ $root ]] || die 'no cgroup2 is mounted'
  probe=$root/facs-fleet-check-$$
  mkdir "$probe" 2>/dev/null || die "cannot make a cgroup in $root"
  if [[ ! -e $probe/cgroup.kill ]]; then
    rmdir "$probe"
    die 'the kernel has no cgroup.kill (Linux 5.14 has it)'
  fi
  rmdir "$probe"
  unshare --mount --net true 2>/dev/null || die 'cannot make mount and network namespaces'
  mkdir -p "$cache" || die "cannot write to $cache"
  probe=$(mktemp -d "$cache/check.XXXXXX")
  mkdir "$probe"/{lower,upper,work,root}
  unshare --mount --propagation private mount -t overlay fleet "$probe/root" \
    -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" 2>/dev/null || {
    rm -r "$probe"
    die "cannot mount an overlay in $cache (FACS_FLEET_CACHE names another folder)"
  }
  rm -r "$probe"
  printf '*filter\n-A FORWARD -s 10.0.0.1 -j NFQUEUE --queue-num 0 --queue-bypass\nCOMMIT\n' |
    unshare --net iptables-restore 2>/dev/null || die 'the kernel has no iptables with NFQUEUE'
}

# build_base makes the root file system that all hosts share, in directory $1.
build_base() {
  local root=$1 codename
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && printf %s "$VERSION_CODENAME")
  mmdebstrap --quiet --variant=minbase --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    "$codename" "$root" >&2
  rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/{machine-id,hostname,resolv.conf}
  systemctl --root="$root" --quiet set-default multi-user.target
  systemctl --root="$root" --quiet mask apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service getty.target \
    console-getty.service systemd-update-utmp.service \
    systemd-update-utmp-runlevel.service
  cat >"$root/etc/ssh/sshd_config.d/fleet.conf" <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
UseDNS no
MaxStartups 200
MaxSessions 100
END
  chroot "$root" useradd --create-home --uid 1000 --shell /bin/bash deploy
  echo 'deploy ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/deploy"
  mkdir -p "$root/var/lib/systemd/linger" "$root/var/log/journal"
  touch "$root/var/lib/systemd/linger/deploy" # user units run without a login
  touch "$root/etc/default/locale"            # else pam_env complains at each login
}

# find_base sets base, and builds it where this machine has none yet.
find_base() {
  local hash lock
  hash=$({
    cat /etc/os-release
    echo "$packages"
    declare -f build_base
  } | sha256sum)
  base=$cache/base-${hash:0:12}
  [[ ! -d $base ]] || return 0
  mkdir -p "$cache"
  exec {lock}>"$cache/lock"
  flock "$lock"
  if [[ ! -d $base ]]; then
    rm -rf --one-file-system "$cache/new"
    build_base "$cache/new" # never after || or in a condition: bash would go on after an error in it
    mv "$cache/new" "$base"
  fi
  exec {lock}>&-
}

# build_lag sets lag_bin, the delay line, and builds it where there is none yet. It is built
# outside of any module, so that whatever Go is there will do.
build_lag() {
  local source=$here/lag/main_linux.go
  lag_bin=$cache/lag-$(sha256sum <"$source" | head -c 12)
  [[ ! -x $lag_bin ]] || return 0
  command -v go >/dev/null || apt_install golang-go
  mkdir -p "$cache"
  env GO111MODULE=off GOFLAGS= GOTOOLCHAIN=local CGO_ENABLED=0 \
    GOCACHE="${GOCACHE:-${HOME:-/root}/.cache/go-build}" \
    go build -trimpath -ldflags=-s -o "$lag_bin.$$" "$source"
  mv "$lag_bin.$$" "$lag_bin"
}
