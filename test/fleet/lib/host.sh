# shellcheck shell=bash disable=SC2154 # what is set in ../fleet
# One host: its disk, its boot, its end. Sourced by ../fleet.

# make_host makes the disk of host NAME and its entries for ssh.
make_host() {
  local name=$1 region=$2 ip=$3 disk=$dir/hosts/$1/disk
  [[ ! -e $dir/hosts/$name/ip ]] || return 0
  mkdir -p "$disk"/etc/ssh "$disk"/root/.ssh "$disk"/home/deploy/.ssh "$dir/hosts/$name"/{work,root}
  echo "$name" >"$disk/etc/hostname"
  echo -n "$id$name" | md5sum | head -c 32 >"$disk/etc/machine-id"
  ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$disk/etc/ssh/ssh_host_ed25519_key" <<<y >/dev/null
  chmod 700 "$disk/root" "$disk"/{root,home/deploy}/.ssh
  tee "$disk/root/.ssh/authorized_keys" <"$dir/key.pub" >"$disk/home/deploy/.ssh/authorized_keys"
  chown -R 1000:1000 "$disk/home/deploy"
  known_host "$name" "$ip" >>"$dir/known_hosts"
  printf 'Host %s\n  HostName %s\n' "$name" "$ip" >>"$dir/ssh_config"
  echo "$ip $name" >>"$dir/etc_hosts"
  echo "$region" >"$dir/hosts/$name/region"
  echo "$name" >>"$dir/order"
  echo "$ip" >"$dir/hosts/$name/ip"
}

# known_host prints the line for known_hosts of host NAME with address IP.
known_host() {
  echo "$1,$2 $(cut -d' ' -f1,2 "$dir/hosts/$1/disk/etc/ssh/ssh_host_ed25519_key.pub")"
}

# boot starts host NAME and returns when it can be used.
boot() {
  local name=$1 ip end state
  ip=$(host_ip "$name")
  cg_end "/$name" # what a host that went down by itself has left
  join "$name" "$ip"
  mkdir -p "$cg/$name"
  setsid unshare --mount --propagation private "$self" _run "$name" \
    </dev/null >>"$dir/hosts/$name/console.log" 2>&1 {state_lock}>&- &
  end=$((SECONDS + ready_timeout))
  # From core, whose packets no cut or delay touches.
  # shellcheck disable=SC2016 # $0 is the inner shell's
  until in_ns core timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/22" && read -r <&3' "$ip" 2>/dev/null; do
    ((SECONDS < end)) || die "$name does not answer: $(tail -n 5 "$dir/hosts/$name/console.log")"
    sleep 0.1
  done
  [[ $mode == full ]] || return 0
  state=$(in_host "$name" systemctl is-system-running --wait || true)
  [[ $state == running ]] || echo "fleet: $name is '$state'" >&2
}

# run_host is the process that a host lives in: it has a mount namespace of its
# own, so that what it mounts goes when it ends.
run_host() {
  local name=$1 h=$dir/hosts/$1 args rc=0
  echo $$ >"$cg/$name/cgroup.procs"
  ulimit -n 1048576 || true
  mkdir -p /run/systemd/nspawn
  mount -t tmpfs -o mode=755 fleet /run/systemd/nspawn
  mount -t overlay -o "lowerdir=$base,upperdir=$h/disk,workdir=$h/work" "fleet-$name" "$h/root"
  args=(--quiet --register=no --keep-unit --machine="$fleet-$name" --hostname="$name"
    --directory="$h/root" --network-namespace-path="/run/netns/$fleet-$name"
    --bind-ro="$dir/etc_hosts:/etc/hosts" --link-journal=no --resolv-conf=off --timezone=off
    --console=read-only --capability=CAP_NET_ADMIN --system-call-filter='bpf @keyring')
  export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1      # cgroup2 alone, whatever the machine mixes
  export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network # sysctl net.* can be set
  if [[ $mode == light ]]; then
    exec systemd-nspawn "${args[@]}" --as-pid2 /bin/sh -c 'mkdir -p /run/sshd && exec /usr/sbin/sshd -D -e'
  fi
  while :; do
    systemd-nspawn "${args[@]}" --boot || rc=$?
    ((rc == 133)) || break # the host asked for a reboot
    rc=0
  done
  ip -n "$fleet-$name" link set eth0 down # powered off: its kernel answers no more
}

# host_pid prints the process that is PID 1 in a running host.
host_pid() {
  local file pid
  file=$cg/$1/payload/init.scope/cgroup.procs
  [[ -e $file ]] || file=$cg/$1/payload/cgroup.procs # --light
  read -r pid <"$file" || die "$1 is down"
  echo "$pid"
}

# in_host runs a command in a booted host, past the network.
in_host() {
  local pid
  pid=$(host_pid "$1")
  nsenter --target "$pid" --all -- "${@:2}"
}

# cg_end kills what runs in a cgroup of ours and removes it.
cg_end() {
  local tree tries
  if [[ -d $cg$1 ]]; then
    echo 1 >"$cg$1/cgroup.kill"
    for ((tries = 0; tries < 200; tries++)); do
      grep -q 'populated 1' "$cg$1/cgroup.events" || break
      sleep 0.05
    done
  fi
  for tree in "$cg" "$cg1"; do
    [[ -z $tree || ! -d $tree$1 ]] || find "$tree$1" -depth -type d -exec rmdir {} +
  done
}
